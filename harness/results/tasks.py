"""Turn what a run folder holds about its targeted tasks into plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from harness.errors import RunError
from harness.injection.admission import GateRecord, Refusal
from harness.injection.pool import rounds_of, tasks_of_round, vetoed
from harness.run_folder import RunFolder
from harness.types import ErrorPattern, Json, Task

_TASK = TypeAdapter(Task)

Row = dict[str, Any]


def task_table(
    store: RunFolder, *, number: int | None = None, pattern: str = "", ids: Sequence[str] = ()
) -> dict[str, Json]:
    """The tasks of a run (or of one round, of one pattern, with these ids), and how each round's
    injections went.

    An id or a pattern may be cut short. Raises ``RunError`` if the run has no targeted tasks or
    none fits.
    """
    rounds = [n for n in rounds_of(store) if number in (None, n)]
    if not rounds:
        which = "" if number is None else f" in round {number}"
        raise RunError(
            f"{store.folder} has no targeted tasks{which}",
            hint=f"Run `harness inject {store.folder}` first.",
        )
    rows = [row for n in rounds for row in _rows(store, n)]
    chosen = [
        row
        for row in rows
        if row["pattern"].startswith(pattern)
        and (not ids or any(row["id"].startswith(wanted) for wanted in ids))
    ]
    for wanted in ids:
        if not any(row["id"].startswith(wanted) for row in chosen):
            raise RunError(
                f"no task of {store.folder} has an id that begins with {wanted!r}",
                hint="`harness tasks` without an id lists them.",
            )
    if pattern and not chosen:
        known = ", ".join(
            dict.fromkeys(f"{row['pattern']} ({row['pattern_name']})" for row in rows)
        )
        raise RunError(
            f"no task of {store.folder} was made for the pattern {pattern!r}",
            hint=f"There are tasks for {known}." if known else "No task was admitted at all.",
        )
    return {"tasks": list[Json](chosen), "injections": [_injections(store, n) for n in rounds]}


def chosen_tasks(store: RunFolder, found: dict[str, Json]) -> list[Task]:
    """The tasks of a ``taskbook``, but for the vetoed ones."""
    rows: Any = found["tasks"]
    ids = {row["id"] for row in rows if not row["vetoed"]}
    every = {task.id: task for n in rounds_of(store) for task in tasks_of_round(store, n)}
    return [task for task in every.values() if task.id in ids]


def _rows(store: RunFolder, number: int) -> list[Row]:
    names = {
        pattern.id: pattern.name
        for pattern in store.read_values(f"rounds/{number}/patterns.jsonl", ErrorPattern)
    }
    records = {
        record.task_id: record.gates
        for record in store.read_values(f"rounds/{number}/gates.jsonl", GateRecord)
    }
    out = vetoed(store)
    rows = []
    for task in tasks_of_round(store, number):
        plain = _TASK.dump_python(task, mode="json")
        origin = plain["origin"] or {}
        rows.append(
            {
                "id": task.id,
                "round": number,
                "pattern": origin.get("pattern_id", ""),
                "pattern_name": names.get(origin.get("pattern_id", ""), ""),
                "vetoed": task.id in out,
                "veto_reason": out.get(task.id, ""),
                "scenario": plain["scenario"],
                "communicate": plain["communicate"],
                "gold": plain["gold"],
                "tags": plain["tags"],
                "gates": records.get(task.id, {}),
                "origin": origin,
            }
        )
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class _Yield:
    gate: str
    seen: int
    passed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Quota:
    pattern: str
    quota: int
    admitted: int
    ended: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    """What is shown of an injection's account."""

    conversations: int
    yields: Sequence[_Yield]
    patterns: Sequence[_Quota]


def _injections(store: RunFolder, number: int) -> Json:
    name = f"rounds/{number}/injections.json"
    accounts: list[Any] = []
    if store.has(name):
        store.read_value(name, list[_Account])  # raises if something that is shown is not there
        accounts = store.read_value(name, list[dict[str, Any]])
    refusals = store.read_values(f"rounds/{number}/refused.jsonl", Refusal)
    reasons: dict[str, dict[str, int]] = {}
    for refusal in refusals:
        at_gate = reasons.setdefault(refusal.gate, {})
        at_gate[refusal.reason] = at_gate.get(refusal.reason, 0) + 1
    return {
        "round": number,
        "injections": accounts,
        "refused": {gate: dict(counts) for gate, counts in reasons.items()},
    }
