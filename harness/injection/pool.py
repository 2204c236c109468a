"""The pool of targeted tasks: the union of what all rounds added, without what was vetoed.

It only ever grows: a round's tasks are written once, more are appended, and a veto is one more line
in a journal. Tasks are known by what they say and want, not by who made them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.assembly.config import nearest
from harness.errors import RunError
from harness.run_folder import RunFolder
from harness.types import Task, stable_id
from harness.types.names import ArmName

VETOES = "vetoes.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Veto:
    """A task is kept out of training from here on, for that reason, or let in again."""

    task_id: str
    vetoed: bool
    reason: str


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


def tasks_of_round(store: RunFolder, number: int) -> list[Task]:
    """All tasks that a round admitted, vetoed ones too."""
    return store.read_values(f"rounds/{number}/tasks.jsonl", Task)


def vetoed(store: RunFolder) -> dict[str, str]:
    """The reason of each task that is vetoed now, by id."""
    found: dict[str, str] = {}
    for line in store.read_values(VETOES, Veto):
        if line.vetoed:
            found[line.task_id] = line.reason
        else:
            found.pop(line.task_id, None)
    return found


def veto(store: RunFolder, ids: Iterable[str], *, keep_out: bool, reason: str = "") -> None:
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
    vetoes = [Veto(task_id=task_id, vetoed=keep_out, reason=reason) for task_id in wanted]
    store.append_values(VETOES, Veto, vetoes)


def change_vetoes(
    store: RunFolder, *, vetoes: Iterable[str], allowed: Iterable[str], reason: str = ""
) -> list[str]:
    """The arms that are trained already, perhaps on vetoed tasks, once the vetoes are written.

    ``vetoes`` are ids of tasks to keep out of training, ``allowed`` of those to let in again.
    """
    with store.lock():
        veto(store, vetoes, keep_out=True, reason=reason)
        veto(store, allowed, keep_out=False)
    checkpoints = (store.folder / "checkpoints").glob("*/checkpoint.json")
    arms = [ArmName(path.parent.name) for path in checkpoints]
    return sorted(arm for arm in arms if arm.kind == "rl")


def rounds_of(store: RunFolder) -> list[int]:
    """The rounds that have tasks, in order."""
    return store.rounds("tasks.jsonl")


def pool_of(store: RunFolder, rounds: Sequence[int], *, replay_decay: float = 1.0) -> list[Task]:
    """The tasks of these rounds that are not vetoed, none twice.

    replay_decay: what share of a round's tasks is kept for each newer round there is, in (0, 1]; 1
    keeps all. Which ones are kept depends on their ids alone, so what is kept now was kept before.
    """
    out = vetoed(store)
    pool: dict[str, Task] = {}
    for number in rounds:
        tasks = [task for task in tasks_of_round(store, number) if task.id not in out]
        age = max(rounds) - number
        kept = set(sorted(t.id for t in tasks)[: math.ceil(len(tasks) * replay_decay**age)])
        for task in tasks:
            if task.id in kept:
                pool.setdefault(task.id, task)
    return list(pool.values())
