"""Turn a domain into a verdict: does it keep the contract of ``harness.protocols.Domain``?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import get_args

from harness.evaluation.scoring import gold_changes
from harness.protocols import Domain, World
from harness.testing.fakes import huge_calls, play, rejected_calls
from harness.types import Recipe, Split, Task, Tool, ToolCall, ToolKind, ToolResult

SPLITS: tuple[Split, ...] = get_args(Split)


def check_domain(domain: Domain, *, tasks: int = 10) -> None:
    """Check tools, tasks, worlds, grading, generator and solver of a domain.

    tasks: how many of each split, and of the generator, are opened and played. Raises
    ``AssertionError`` with what the contract demands and what was found.
    """
    demand(bool(domain.name), "a domain has a name")
    check_tools(domain)
    splits = {split: list(domain.tasks(split)) for split in SPLITS}
    check_tasks(domain, splits)
    for split in SPLITS:
        for task in splits[split][:tasks]:
            check_task(domain, task)
    held_out = {task.id for split in ("validation", "test") for task in splits[split]}
    check_generator(domain, held_out, count=tasks)


def check_tools(domain: Domain) -> None:
    """Check that tool names are unique and that their JSON schemas are schemas of objects."""
    names = [tool.name for tool in (*domain.tools, *domain.user_tools)]
    demand(bool(names), f"the domain {domain.name!r} has tools")
    demand(len(set(names)) == len(names), f"tool names are unique, found twice: {_twice(names)}")
    for tool in (*domain.tools, *domain.user_tools):
        _check_tool(tool)


def check_tasks(domain: Domain, splits: dict[Split, list[Task]]) -> None:
    """Check that the tasks of the splits are stable, labelled rightly, and have unique ids."""
    everything = [task for tasks in splits.values() for task in tasks]
    demand(bool(everything), f"the domain {domain.name!r} has tasks in some split")
    ids = [task.id for task in everything]
    demand(len(set(ids)) == len(ids), f"no two tasks share an id in any split: {_twice(ids)}")
    for split, tasks in splits.items():
        demand(list(domain.tasks(split)) == tasks, f"tasks({split!r}) are the same on every call")
        for task in tasks:
            demand(task.split == split, f"task {task.id} of {split} says split {task.split!r}")
            demand(
                task.domain == domain.name,
                f"task {task.id} names the domain {domain.name!r}, found {task.domain!r}",
            )


def check_task(domain: Domain, task: Task) -> None:
    """Check isolation, determinism, hostile calls, grading and solution on one task."""
    _check_worlds(domain, task)
    _check_hostile(domain, task)
    _check_grade(domain, task)
    _check_solution(domain, task)


def check_generator(domain: Domain, held_out: set[str], *, count: int) -> None:
    """Check that generated tasks work, depend on the seed alone and are no held-out ones."""
    first, again = (list(islice(domain.generate(7, Recipe()), count)) for _ in range(2))
    demand(first == again, "generate() gives the same tasks for the same seed")
    for task in first:
        demand(task.split == "train", f"generated task {task.id} is of split train")
        demand(task.id not in held_out, f"generated task {task.id} is no held-out task")
        check_task(domain, task)


def demand(holds: bool, sentence: str) -> None:
    """Raise ``AssertionError`` with the sentence unless it holds."""
    if not holds:
        raise AssertionError(sentence)


def carry_out(
    domain: Domain, task: Task, calls: Iterable[ToolCall]
) -> tuple[World, list[ToolResult]]:
    """A fresh world after the calls, and their results; a call that raises fails the check."""
    world = domain.open(task)
    return world, [_call(world, call) for call in calls]


def _call(world: World, call: ToolCall) -> ToolResult:
    try:
        result = world.call(call)
    except Exception as error:  # whatever it is, the contract forbids it
        raise AssertionError(
            f"a bad call is a result with is_error, but {_short(call)} raised {error!r}"
        ) from error
    demand(isinstance(result.content, str), f"a result's content is text: {_short(call)}")
    return result


def _check_tool(tool: Tool) -> None:
    schema = tool.parameters
    properties, required = schema.get("properties"), schema.get("required", [])
    names = set(properties) if isinstance(properties, dict) else set()
    demand(tool.kind in get_args(ToolKind), f"tool {tool.name} has a kind, found {tool.kind!r}")
    demand(bool(tool.description.strip()), f"tool {tool.name} has a description")
    demand(
        schema.get("type") == "object" and isinstance(properties, dict),
        f"the parameters of {tool.name} are a JSON schema of type object with properties",
    )
    demand(
        isinstance(required, list) and names.issuperset(map(str, required)),
        f"what {tool.name} requires is among its properties, found {required}",
    )
    try:
        json.dumps(tool.schema())
    except TypeError as error:
        raise AssertionError(f"the schema of {tool.name} is plain JSON: {error}") from error


def _check_worlds(domain: Domain, task: Task) -> None:
    untouched = domain.open(task)
    world, results = carry_out(domain, task, task.gold)
    demand(untouched.changes() == (), f"a write shows in no other world of task {task.id}")
    demand(domain.open(task).changes() == (), f"a fresh world of task {task.id} has no changes")
    again, same = carry_out(domain, task, task.gold)
    demand(results == same, f"the gold calls of task {task.id} have the same results each time")
    demand(
        world.changes() == again.changes() == gold_changes(domain, task),
        f"the gold calls of task {task.id} have the same effect each time",
    )
    paths = [change.path for change in world.changes()]
    demand(paths == sorted(paths), f"the changes of task {task.id} are sorted by path")
    demand(len(set(paths)) == len(paths), f"each path changes once in task {task.id}")


def _check_hostile(domain: Domain, task: Task) -> None:
    unknown = ToolCall(name="no_such_tool", arguments={"x": 1})
    reads = {tool.name for tool in domain.tools if tool.kind == "read"}
    calls = [unknown, *rejected_calls(domain)]
    world, results = carry_out(domain, task, calls)
    for call, result in zip(calls, results, strict=True):
        # A search by values of the wrong type may as well find nothing.
        may_find_nothing = bool(call.arguments) and call.name in reads
        demand(result.is_error or may_find_nothing, f"{_short(call)} is answered with is_error")
    demand(world.changes() == (), f"refused calls change nothing in task {task.id}")
    carry_out(domain, task, huge_calls(domain))


def _check_grade(domain: Domain, task: Task) -> None:
    grade = play(domain, task, task.gold).grade
    demand(
        grade.success,
        f"the gold calls of task {task.id} succeed, missing {_missing(grade.wanted, grade.actual)}"
        f" and unsaid {list(grade.unsaid)}",
    )
    if gold_changes(domain, task):
        idle = play(domain, task).grade
        demand(not idle.success, f"doing nothing fails task {task.id}, which wants changes")


def _check_solution(domain: Domain, task: Task) -> None:
    groups = domain.solve(task)
    if groups is None:
        return
    requests = task.scenario.requests
    demand(
        len(groups) == len(requests),
        f"solve() gives one group per request: {len(groups)} for {len(requests)} in {task.id}",
    )
    if requests:
        world, _ = carry_out(domain, task, [call for group in groups for call in group])
        demand(
            world.changes() == gold_changes(domain, task),
            f"the solution of task {task.id} has the effect of the gold calls",
        )


def _missing(wanted: Sequence[object], actual: Sequence[object]) -> list[object]:
    return [change for change in wanted if change not in actual]


def _short(call: ToolCall) -> str:
    text = f"{call.name}({dict(call.arguments)})"
    return text if len(text) <= 120 else f"{text[:120]}…"


def _twice(names: Sequence[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def some_tasks(domain: Domain, count: int) -> list[Task]:
    """The first tasks of the first split that has any."""
    for split in SPLITS:
        if tasks := list(domain.tasks(split)):
            return tasks[:count]
    raise AssertionError(f"the domain {domain.name!r} has tasks in some split")
