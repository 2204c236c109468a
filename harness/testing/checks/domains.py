"""Turn a domain into a verdict: does it keep the contract of ``harness.protocols.Domain``, and can
agents be trained on it?
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import get_args

from harness.evaluation.scoring import gold_changes
from harness.protocols import Domain, Policy, UserSimulator
from harness.runtime.json_lines import adapter
from harness.testing.checks.generators import check_generator
from harness.testing.checks.splits import check_splits
from harness.testing.checks.tools_in_use import check_tools_in_use
from harness.testing.checks.words import check_facts, check_words
from harness.testing.checks.worlds import SPLITS, carry_out, made, short, solution
from harness.testing.fakes import huge_calls, play, rejected_calls
from harness.testing.findings import Check, demand
from harness.types import Split, Task, Tool, ToolCall, ToolKind

IN_WORDS = 8
"""Tasks that are played in words: each costs a conversation."""


def check_domain(
    domain: Domain,
    *,
    tasks: int = 10,
    teacher: Policy | None = None,
    user: UserSimulator | None = None,
) -> None:
    """Check tools, tasks, worlds, grading, splits, generator and solver of a domain, and that its
    tasks can be done in words.

    tasks: how many of each split, and of the generator, are opened and played. teacher, user: who
    play them in words; the scripted ones of this distribution by default. Raises
    ``ContractBroken`` with all findings.
    """
    with Check(domain) as check:
        with check.rule(
            "Agents read tools by name and schema, and everything else is built on them.",
            "Make tools with `harness.evaluation.typed_tools`, or correct this one by hand.",
            needed=True,
        ):
            demand(bool(domain.name), "a domain has a name")
            check_tools(domain)
        splits: dict[Split, list[Task]] = {}
        with check.rule(
            "A run counts, resumes and compares by the tasks of a split and their ids.",
            "Make tasks(split) a pure function of the split, with the split in every id.",
            needed=True,
        ):
            splits |= {split: list(domain.tasks(split)) for split in SPLITS}
            check_tasks(domain, splits)
        chosen = [task for split in SPLITS for task in splits[split][:tasks]]
        with check.rule(
            "Without a policy text the agent cannot know what it must refuse, confirm or transfer.",
            "Set `policy` to the rules of the domain, as an agent is to read them.",
        ):
            demand(bool(domain.policy.strip()), f"the domain {domain.name!r} has a policy text")
        _check_tasks_alone(check, domain, chosen)
        generated = check_generator(check, domain, splits, count=tasks)
        for task in generated:
            with check.rule(*_OF_A_TASK):
                check_task(domain, task)
                _check_gold(domain, task)
        every = [*chosen, *generated]
        check_tools_in_use(check, domain, every)
        check_splits(check, domain, splits, generated)
        check_facts(check, domain, every)
        if not check.findings:  # or it only shows again what was found
            check_words(check, domain, every, count=IN_WORDS, teacher=teacher, user=user)


_OF_A_TASK = (
    "Training and Pass^k compare worlds: one that leaks, raises or is graded wrongly spoils both.",
    "Let open() build a world of its own from the task, and answer bad calls with is_error.",
)


def _check_tasks_alone(check: Check, domain: Domain, chosen: Sequence[Task]) -> None:
    for rule in (partial(check_task, domain), partial(_check_gold, domain)):
        with check.rule(*_OF_A_TASK):
            for task in chosen:
                rule(task)
    with check.rule(
        "A task is admitted to training only if solve() carries it out, and teachers play by it.",
        "Return the calls that do the task, one group for each request, look-ups included; or "
        "leave solve() to DomainDefaults, which returns the gold calls.",
    ):
        for task in chosen:
            _check_solution(domain, task)
        none = [task.id for task in chosen if domain.solve(task) is None]
        demand(len(none) < len(chosen), f"solve() solves some task, found None for {len(none)}")


def check_tools(domain: Domain) -> None:
    """Check that tool names are unique and that their JSON schemas are schemas of objects."""
    names = [tool.name for tool in (*domain.tools, *domain.user_tools)]
    demand(bool(names), f"the domain {domain.name!r} has tools")
    demand(len(set(names)) == len(names), f"tool names are unique, found twice: {_twice(names)}")
    for tool in (*domain.tools, *domain.user_tools):
        _check_tool(tool)


def check_tasks(domain: Domain, splits: Mapping[Split, Sequence[Task]]) -> None:
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
    for task in everything[:50]:
        _check_kept(task)


def check_task(domain: Domain, task: Task) -> None:
    """Check isolation, determinism, hostile calls, grading and solution on one task."""
    _check_worlds(domain, task)
    _check_hostile(domain, task)
    _check_grade(domain, task)
    _check_solution(domain, task)


def _check_kept(task: Task) -> None:
    """A run folder holds tasks as JSON."""
    kept = adapter(Task)
    try:
        again = kept.validate_json(kept.dump_json(task))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"task {task.id} can be kept as JSON: {error}") from error
    demand(again.id == task.id and again.gold == task.gold, f"task {task.id} is kept whole as JSON")


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
    """Look-ups count, too: a log that they share shows in worlds opened later."""
    calls = solution(domain, task)
    untouched = domain.open(task)
    world, results = carry_out(domain, task, task.gold)
    _, found = carry_out(domain, task, calls)
    demand(untouched.changes() == (), f"a write shows in no other world of task {task.id}")
    demand(domain.open(task).changes() == (), f"a fresh world of task {task.id} has no changes")
    again, same = carry_out(domain, task, task.gold)
    demand(results == same, f"the gold calls of task {task.id} have the same results each time")
    demand(
        found == carry_out(domain, task, calls)[1],
        f"the calls of the solution of task {task.id} have the same results each time",
    )
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
        demand(result.is_error or may_find_nothing, f"{short(call)} is answered with is_error")
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


def _check_gold(domain: Domain, task: Task) -> None:
    """A gold write that fails changes nothing, so that doing nothing may succeed. A domain that
    knows of one leaves it out of its solution.
    """
    writes = {tool.name for tool in domain.tools if tool.kind == "write"}
    solved = solution(domain, task)
    world = domain.open(task)
    for call in task.gold:
        result = made(world, call)
        known = not any(call.same_as(other) for other in solved)
        demand(
            not result.is_error or call.name not in writes or known,
            f"the gold write {short(call)} of task {task.id} succeeds, found {result.content!r}",
            mend="Correct the gold call, the task's world or the tool, so that it goes through.",
        )


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


def _twice(names: Sequence[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
