"""Try calls on fresh worlds: whether they reach what a task wants, and what else fits its words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from harness.protocols import World
from harness.types import Changes, Request, Task, Tool, ToolCall

Opened = Callable[[], World]
"""Opens a fresh world of the task."""

Fitting = Callable[[Request], Iterable[ToolCall]]
"""Each call that fits the words of a request."""


def reaches_gold(
    task: Task, groups: Sequence[Sequence[ToolCall]], opened: Opened, *, may_fail: Collection[str]
) -> bool:
    """Whether the calls lead where the gold calls lead; only the tools ``may_fail`` may fail."""
    world, gold = opened(), opened()
    for call in (call for group in groups for call in group):
        if world.call(call).is_error and call.name not in may_fail:
            return False
    if any(gold.call(call).is_error for call in task.gold):
        return False
    return world.changes() == gold.changes()


def solution(
    task: Task,
    first: Sequence[ToolCall],
    plan: Callable[[Request, Sequence[ToolCall]], Sequence[ToolCall] | None],
    opened: Opened,
    tools: Sequence[Tool],
) -> list[list[ToolCall]] | None:
    """One group of calls per request, after those that come ``first``; None if they do not reach
    what the task wants.

    ``plan`` makes the calls of a request, with those of a transfer that it ends in; None if it
    cannot. Only tools that identify somebody may fail.
    """
    transfers = [call for call in task.gold if call.name == "transfer_to_human_agents"]
    groups: list[list[ToolCall]] = []
    for request in task.scenario.requests:
        group = plan(request, transfers if request.outcome == "transferred" else [])
        if group is None:
            return None
        groups.append(list(group))
    groups[0][:0] = first
    may_fail = [tool.name for tool in tools if tool.identifies]
    return groups if reaches_gold(task, groups, opened, may_fail=may_fail) else None


def all_readings(task: Task, fitting: Fitting, opened: Opened) -> list[tuple[ToolCall, ...]]:
    """The wanted calls first if they are among them; then what differs in one request, each with
    an effect of its own. [] if the words of a request lead nowhere.
    """
    requests = task.scenario.requests
    wanted = [r.want for r in requests if r.want is not None]
    rest = tuple(call for call in task.gold if not any(call.same_as(want) for want in wanted))
    found: list[tuple[ToolCall, ...]] = []
    done: list[ToolCall] = []
    for number, request in enumerate(requests):
        outcomes = list(_going_through(fitting(request), done, opened))
        if request.want is not None and not outcomes:
            return []
        later = [r.want for r in requests[number + 1 :] if r.want is not None]
        found += [(*done, call, *later, *rest) for call in outcomes]
        if request.want is not None:
            done.append(request.want)
    if not any(request.outcome == "done" and request.want for request in requests):
        found.append(tuple(task.gold))
    return of_different_effect(found, opened)


def _going_through(
    calls: Iterable[ToolCall], done: Sequence[ToolCall], opened: Opened
) -> Iterator[ToolCall]:
    for call in calls:
        world = opened()
        for before in done:
            world.call(before)
        if not world.call(call).is_error:
            yield call


def of_different_effect(
    found: Sequence[tuple[ToolCall, ...]], opened: Opened
) -> list[tuple[ToolCall, ...]]:
    """The first of the outcomes with each effect."""
    known: list[Changes] = []
    different = []
    for calls in found:
        world = opened()
        for call in calls:
            world.call(call)
        changes = world.changes()
        if changes not in known:
            known.append(changes)
            different.append(calls)
    return different
