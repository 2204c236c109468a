"""Turn two policies' trials into the tasks that one solves and the other does not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import comb

from harness.evaluation.metrics import Outcome
from harness.results.side_by_side import Row, Trials, pair_row
from harness.run_folder.rows import plain_row
from harness.study.sides import Side
from harness.types import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    task_id: str
    before: Mapping[str, bool]
    after: Mapping[str, bool]


def flip_values(
    before: Side,
    after: Side,
    outcomes: tuple[Mapping[str, Outcome], Mapping[str, Outcome]],
    tasks: Collection[str],
) -> dict[str, Json]:
    """Tasks that one side failed and the other solved in most trials: ``gained`` and ``lost``, each
    with both conversations, and ``p``: how likely a split as uneven is where neither is better.

    The test is that of signs, two-sided and exact (McNemar, "Note on the sampling error of the
    difference between correlated proportions or percentages", 1947).
    """
    first, second = (Trials(evaluation="", outcomes=found) for found in outcomes)
    tried = [_Tried(task_id=id, before=first.of(id), after=second.of(id)) for id in sorted(tasks)]
    gained = [one for one in tried if _most_fail(one.before) and _most_pass(one.after)]
    lost = [one for one in tried if _most_pass(one.before) and _most_fail(one.after)]
    return {
        "gained": [_flipped(before, after, one, is_gain=True) for one in gained],
        "lost": [_flipped(before, after, one, is_gain=False) for one in lost],
        "p": round(sign_test(len(gained), len(lost)), 4),
    }


def sign_test(one: int, other: int) -> float:
    """The two-sided p-value of so many signs of one kind and the other; 1 where there are none."""
    number = one + other
    tail = sum(comb(number, k) for k in range(min(one, other) + 1)) / 2**number
    return min(1.0, 2 * float(tail))


def _most_pass(trials: Mapping[str, bool]) -> bool:
    return 2 * sum(trials.values()) > len(trials)


def _most_fail(trials: Mapping[str, bool]) -> bool:
    return 2 * sum(trials.values()) < len(trials)


def _flipped(before: Side, after: Side, one: _Tried, *, is_gain: bool) -> Row:
    failed = [id for id, success in one.before.items() if success is not is_gain]
    solved = [id for id, success in one.after.items() if success is is_gain]
    return {
        "task_id": one.task_id,
        "before_solved": [sum(one.before.values()), len(one.before)],
        "after_solved": [sum(one.after.values()), len(one.after)],
        **(pair_row(_conversations(before, failed), _conversations(after, solved)) or {}),
    }


def _conversations(side: Side, ids: Collection[str]) -> list[Row]:
    """The trajectories as JSON values, by trial."""
    found = [episode for episode in side.episodes if episode.trajectory.id in ids]
    rows = []
    for episode in sorted(found, key=lambda episode: episode.trajectory.trial):
        row = plain_row(episode)["trajectory"]
        if isinstance(row, dict) and row["messages"]:
            rows.append(row)
    return rows
