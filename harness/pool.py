"""The pool of targeted tasks: the union of what all rounds added, without what was vetoed.

It only ever grows: a round's tasks are written once, more are appended, and a veto is one more line
in a journal. Tasks are known by what they say and want, not by who made them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from harness.config import nearest
from harness.errors import RunError
from harness.store import Store
from harness.types import Task, stable_id

VETOES = "vetoes.jsonl"


def fingerprint(task: Task) -> str:
    """Equal for tasks that ask the same thing of the same records, whatever their ids and
    lineage.
    """
    requests = [sorted(request.says) for request in task.scenario.requests]
    gold = [(call.name, dict(call.arguments)) for call in task.gold]
    return stable_id(task.domain, requests or task.scenario.reason, gold)


def content_id(task: Task) -> str:
    """The task's id in the pool: of all it consists of but its lineage."""
    return stable_id(task.domain, task.scenario, dict(task.world), task.gold, task.communicate)


# --- in the run folder ----------------------------------------------------------------------------


def tasks_of_round(store: Store, number: int) -> list[Task]:
    """All tasks that a round admitted, vetoed ones too."""
    return store.read_values(f"rounds/{number}/tasks.jsonl", Task)


def vetoed(store: Store) -> dict[str, str]:
    """The reason of each task that is vetoed now, by id."""
    found: dict[str, str] = {}
    for row in store.read_rows(VETOES):
        task_id = str(row["task_id"])
        if row["vetoed"]:
            found[task_id] = str(row["reason"])
        else:
            found.pop(task_id, None)
    return found


def veto(store: Store, ids: Iterable[str], *, keep_out: bool, reason: str = "") -> None:
    """Keep tasks out of training from now on, or let them in again.

    Raises ``RunError`` for an id that no task of the run has, before anything is written.
    """
    wanted = list(ids)
    known = {task.id for number in rounds_of(store) for task in tasks_of_round(store, number)}
    for task_id in wanted:
        if task_id not in known:
            raise RunError(
                f"no task of {store.folder} has the id {task_id!r}",
                hint=nearest(task_id, sorted(known)) or "See `harness tasks` for the ids.",
            )
    for task_id in wanted:
        store.append(VETOES, {"task_id": task_id, "vetoed": keep_out, "reason": reason})


def rounds_of(store: Store) -> list[int]:
    """The rounds that have tasks, in order."""
    paths = (store.folder / "rounds").glob("*/tasks.jsonl")
    return sorted(int(path.parent.name) for path in paths if path.parent.name.isdigit())


def pool_of(store: Store, rounds: Sequence[int], *, recency: float = 1.0) -> list[Task]:
    """The tasks of these rounds that are not vetoed, none twice.

    recency: what share of a round's tasks is kept for each newer round there is, in (0, 1]; 1 keeps
    all. Which ones are kept depends on their ids alone, so what is kept now was kept before.
    """
    out = vetoed(store)
    pool: dict[str, Task] = {}
    for number in rounds:
        tasks = [task for task in tasks_of_round(store, number) if task.id not in out]
        age = max(rounds) - number
        kept = set(sorted(t.id for t in tasks)[: math.ceil(len(tasks) * recency**age)])
        for task in tasks:
            if task.id in kept:
                pool.setdefault(task.id, task)
    return list(pool.values())


# --- quotas ---------------------------------------------------------------------------------------


def quotas(
    shares: Mapping[str, float], total: int, *, floor: int = 1, cap: float = 1.0
) -> dict[str, int]:
    """How many tasks each pattern gets: in proportion to its share, at least ``floor`` and at most
    the share ``cap`` of all, ``total`` together.

    Largest remainders decide the rounding; floor and cap give way where they leave no such deal.
    """
    weight = sum(shares.values())
    if not shares or weight <= 0 or total <= 0:
        return dict.fromkeys(shares, 0)
    floor = min(floor, total // len(shares))
    most = max(math.ceil(cap * total), math.ceil(total / len(shares)), floor)
    counts = dict.fromkeys(shares, floor)
    while spare := total - sum(counts.values()):
        open_ = {name: share for name, share in shares.items() if counts[name] < most}
        for name, more in _dealt(open_, spare).items():
            counts[name] = min(most, counts[name] + more)
    return counts


def _dealt(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Largest remainders: ``total`` in proportion to the shares."""
    weight = sum(shares.values())
    exact = {
        name: total * share / weight if weight > 0 else total / len(shares)
        for name, share in shares.items()
    }
    counts = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (int(exact[name]) - exact[name], name))
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts
