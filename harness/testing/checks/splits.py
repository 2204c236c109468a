"""Turn the splits of a domain into findings: no customer, record or task of one is in another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from harness.injection.pool import fingerprint
from harness.injection.similarity import leaves
from harness.protocols import Domain
from harness.testing.checks.worlds import SPLITS, made, solution
from harness.testing.findings import Check, demand
from harness.types import Split, Task

LOOKED_AT = 40
"""Tasks of a split that are looked into."""

TWINS = 0.5
"""The share of tasks with a twin under other ids from which on a split is a copy."""

_ID = re.compile(r"(^|_)(id|ids|email|phone)$")
_MARKS = re.compile(r"[\w.@#-]*\d[\w.@#-]*|\b(train|validation|test)\b[\w.@#-]*")


def check_splits(
    check: Check,
    domain: Domain,
    splits: Mapping[Split, Sequence[Task]],
    generated: Sequence[Task],
) -> None:
    """Compare the splits with each other and with generated tasks. A domain whose records must be
    shared says why in ``shared_records``.
    """
    if getattr(domain, "shared_records", ""):
        return
    first = {split: list(splits[split][:LOOKED_AT]) for split in SPLITS}
    first["train"] += generated
    pairs = [("train", "validation"), ("train", "test"), ("validation", "test")]
    with check.rule(
        "An agent that saw a held-out task or its customer in training is not tested on it.",
        "Make each split from seeds and records of its own; put the split into every id.",
    ):
        for one, other in pairs:
            _check_content(first[one], first[other], one, other)  # type: ignore[index]
    with check.rule(
        "Records that two splits share let training leak into the test, and the gates refuse "
        "targeted tasks on them.",
        "Put the split into every id, or say in `shared_records` why the splits share records.",
    ):
        for one, other in pairs:
            mine, theirs = (_entities(domain, first[split]) for split in (one, other))  # type: ignore[index]
            shared = sorted(mine.keys() & theirs.keys())
            demand(
                not shared,
                f"{one} and {other} share no customer and no record, found {len(shared)} shared "
                f"values such as {', '.join(map(repr, shared[:3]))}",
                where=f"task {mine[shared[0]]} of {one} and task {theirs[shared[0]]} of {other}"
                if shared
                else "",
            )


def _check_content(some: Sequence[Task], others: Sequence[Task], one: str, other: str) -> None:
    known = {fingerprint(task): task.id for task in some}
    same = [(known[fingerprint(t)], t.id) for t in others if fingerprint(t) in known and _ids(t)]
    demand(
        not same,
        f"no task of {other} asks what one of {one} asks, found {same[:1]} and {len(same)} in all",
    )
    pairs = list(zip(some, others, strict=False))
    twins = [a.id for a, b in pairs if _masked(a) == _masked(b)]
    kinds = len({_masked(task) for task in some})  # where all are alike, likeness tells nothing
    demand(
        len(pairs) < 3 or kinds < TWINS * len(some) or len(twins) < TWINS * len(pairs),
        f"{other} is no copy of {one} under other ids, found {len(twins)} of {len(pairs)} tasks "
        "that are the same but for them",
    )


def _masked(task: Task) -> str:
    """All that the task consists of, without ids, numbers and the names of splits."""
    scenario = [[r.kind, r.says, [f.says for f in r.facts]] for r in task.scenario.requests]
    gold = [[call.name, dict(call.arguments)] for call in task.gold]
    text = json.dumps([task.scenario.reason, scenario, gold, dict(task.world)], default=str)
    return _MARKS.sub("#", text)


def _ids(task: Task) -> bool:
    return any(_ID.search(name) for call in task.gold for name in call.arguments)


def _entities(domain: Domain, tasks: Sequence[Task]) -> dict[str, str]:
    """Who and what the tasks are about, by the id of a task each: values of arguments that are ids
    or say who the customer is.
    """
    return {value: task.id for task in tasks for value in _values(domain, task)}


def _values(domain: Domain, task: Task) -> Iterator[str]:
    """But for what a write of the task made: its id may be the next that is free."""
    world, made_up = domain.open(task), ""
    for call in (*solution(domain, task), *task.gold):
        for name, value in call.arguments.items():
            if _ID.search(name):
                yield from (v for v in leaves(value) if len(v) > 3 and v not in made_up)
        before = world.changes()
        result = made(world, call)
        if world.changes() != before:
            made_up += result.content
