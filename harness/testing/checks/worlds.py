"""Play calls in fresh worlds of a domain: what the checks of domains and injectors share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import get_args

from harness.protocols import Domain, World
from harness.testing.findings import demand
from harness.types import Split, Task, ToolCall, ToolResult

SPLITS: tuple[Split, ...] = get_args(Split)


def carry_out(
    domain: Domain, task: Task, calls: Iterable[ToolCall]
) -> tuple[World, list[ToolResult]]:
    """A fresh world after the calls, and their results; a call that raises fails the check."""
    world = domain.open(task)
    return world, [made(world, call) for call in calls]


def made(world: World, call: ToolCall) -> ToolResult:
    """The result of one call. Raises ``Unmet`` if it is none, or if the world raises."""
    try:
        result = world.call(call)
    except Exception as error:  # whatever it is, the contract forbids it
        raise AssertionError(
            f"a bad call is a result with is_error, but {short(call)} raised {error!r}"
        ) from error
    demand(isinstance(result.content, str), f"a result's content is text: {short(call)}")
    return result


def short(call: ToolCall) -> str:
    """The call in so many words that an error can show it."""
    text = f"{call.name}({dict(call.arguments)})"
    return text if len(text) <= 120 else f"{text[:120]}…"


def solution(domain: Domain, task: Task) -> list[ToolCall]:
    """The calls of the solver, or the gold calls where there is none."""
    groups = domain.solve(task)
    return list(task.gold) if groups is None else [call for group in groups for call in group]


def sayings(task: Task) -> Iterator[str]:
    """All that the customer of the task is told or says, of itself and when asked."""
    scenario = task.scenario
    yield from (scenario.reason, scenario.known, scenario.instructions, scenario.persona)
    for request in scenario.requests:
        yield from request.says
        for fact in request.facts:
            yield from (*fact.says, *fact.recognised_by)
        if request.revision is not None:
            yield from request.revision.says
    for fact in scenario.identity:
        yield from (*fact.says, *fact.recognised_by)


def some_tasks(domain: Domain, count: int) -> list[Task]:
    """The first tasks of the first split that has any."""
    for split in SPLITS:
        if tasks := list(domain.tasks(split)):
            return tasks[:count]
    raise AssertionError(f"the domain {domain.name!r} has tasks in some split")
