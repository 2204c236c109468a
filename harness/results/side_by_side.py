"""Turn the test conversations before and after a round into two of one task: failed, solved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.evaluation.metrics import Outcome
from harness.results.outcomes import table
from harness.run_folder import RunFolder
from harness.types import Json
from harness.types.names import ArmName

Row = dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """An arm's outcomes in an evaluation, by trajectory id."""

    evaluation: str
    outcomes: Mapping[str, Outcome]

    def of(self, task_id: str) -> dict[str, bool]:
        """Success of the trials of a task that count, by trajectory id."""
        return {
            id: one.success
            for id, one in self.outcomes.items()
            if one.task_id == task_id and not one.fault
        }


def example_row(
    store: RunFolder,
    trials: Mapping[ArmName, Trials],
    before: ArmName,
    after: ArmName,
    patterns: Sequence[str],
    pattern_of: Mapping[str, str],
) -> Row | None:
    """Two conversations of one task, and how often each arm solved it; None if no task fits.

    A task fits a pattern if the arm before failed it in most trials, in one at least by the
    pattern, and the arm after solved it in most. Of the first of the ``patterns`` with such tasks
    it is the one with most failures by the pattern and most successes after, by id where that is
    the same. ``pattern_of`` is by trajectory id of the arm before.
    """
    for pattern in patterns:
        failed = [id for id, found in pattern_of.items() if found == pattern]
        task_id = _task(trials[before], trials[after], failed)
        if task_id is None:
            continue
        solved = [id for id, success in trials[after].of(task_id).items() if success]
        mine = [id for id in failed if id in trials[before].of(task_id)]
        told = pair_row(
            _conversations(store, trials[before].evaluation, mine),
            _conversations(store, trials[after].evaluation, solved),
        )
        if told is None:
            continue
        return {
            "task_id": task_id,
            "pattern": pattern,
            "solved": {arm: _solved(arms, task_id) for arm, arms in trials.items()},
            **told,
        }
    return None


def _task(before: Trials, after: Trials, failed: Sequence[str]) -> str | None:
    """The task that fits best."""
    by_task: dict[str, int] = {}
    for id in failed:
        one = before.outcomes.get(id)
        if one is not None and not one.fault:
            by_task[one.task_id] = by_task.get(one.task_id, 0) + 1
    fitting: list[tuple[float, str]] = []
    for task_id, times in by_task.items():
        was, has = before.of(task_id), after.of(task_id)
        if has and sum(was.values()) < len(was) / 2 and sum(has.values()) > len(has) / 2:
            fitting.append((-times / len(was) - sum(has.values()) / len(has), task_id))
    return min(fitting)[1] if fitting else None


def _solved(trials: Trials, task_id: str) -> Row:
    outcomes = trials.of(task_id)
    return {"successes": sum(outcomes.values()), "trials": len(outcomes)}


def _conversations(store: RunFolder, evaluation: str, ids: Sequence[str]) -> list[Row]:
    """Those trajectories that have messages, by trial."""
    rows = (
        table(row.get("trajectory"))
        for row in store.read_rows(f"evals/{evaluation}/episodes.jsonl")
    )
    found = [row for row in rows if row.get("id") in ids and row.get("messages")]
    return sorted(found, key=_trial)


def pair_row(before: Sequence[Row], after: Sequence[Row]) -> Row | None:
    """Two conversations, ``before`` and ``after``, of the same trial where there are, else the
    first ones; ``shared`` is how many messages they begin alike. None if one side has none.
    """
    if not before or not after:
        return None
    solved = {_trial(row): row for row in after}
    first = next((row for row in before if _trial(row) in solved), before[0])
    second = solved.get(_trial(first), after[0])
    own, other = _messages(first), _messages(second)
    shared = next(
        (n for n, (a, b) in enumerate(zip(own, other, strict=False)) if a != b),
        min(len(own), len(other)),
    )
    one, two = parting(own, other, shared)
    return {
        "shared": shared, "before": _told(first, own, one), "after": _told(second, other, two)
    }  # fmt: skip


def parting(own: Sequence[Row], other: Sequence[Row], shared: int) -> tuple[int, int]:
    """Where two conversations part, as a place in each; its length if it ends there.

    That is the first turn in which they differ if it is the agent's and comes after all tool calls
    that they share. Else words differed earlier, which may mean nothing: then it is the first tool
    call in which they differ, or, where one has no more, its agent's next turn.
    """
    calls, others = _calls(own), _calls(other)
    same = 0
    while same < min(len(calls), len(others)) and calls[same][1] == others[same][1]:
        same += 1
    last, last_other = (found[same - 1][0] if same else 0 for found in (calls, others))
    turns = [side[shared] for side in (own, other) if shared < len(side)]
    if shared > last and all(turn["role"] == "assistant" for turn in turns):
        return shared, shared
    return _place(own, calls[same:], last), _place(other, others[same:], last_other)


def _calls(messages: Sequence[Row]) -> list[tuple[int, Json]]:
    """Each tool call with the place of its message."""
    return [
        (place, call)
        for place, message in enumerate(messages)
        for call in _list(message.get("calls"))
    ]


def _place(messages: Sequence[Row], calls: Sequence[tuple[int, Json]], last: int) -> int:
    if calls:
        return calls[0][0]
    said = (n for n, turn in enumerate(messages) if n > last and turn["role"] == "assistant")
    return next(said, len(messages))


def _told(trajectory: Row, messages: Sequence[Row], parts_at: int) -> Row:
    return {
        "trajectory_id": str(trajectory["id"]),
        "trial": _trial(trajectory),
        "parts_at": parts_at,
        "messages": list[Json](messages),
    }


def _messages(trajectory: Row) -> list[Row]:
    rows = [table(message) for message in _list(trajectory.get("messages"))]
    return [
        {
            "role": str(row.get("role") or ""),
            "content": str(row.get("content") or ""),
            "calls": [_call(table(call)) for call in _list(row.get("calls"))],
            "is_error": bool(row.get("is_error", False)),
        }
        for row in rows
    ]


def _call(call: Row) -> str:
    arguments = ", ".join(f"{name}={value}" for name, value in table(call.get("arguments")).items())
    return f"{call.get('name', '')}({arguments})"


def _trial(trajectory: Row) -> int:
    trial = trajectory.get("trial")
    return trial if isinstance(trial, int) else 0


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
