"""Turn the failures on test tasks before and after a round into what the round fixed: failures by
error pattern, each task compared with itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.discovery.attribution import assigned, known_failures, mistakes_of
from harness.discovery.drift import NONE
from harness.evaluation.metrics import Outcome, paired_difference, pass_table
from harness.results.arms import is_control, round_of
from harness.results.history import interval_row
from harness.results.outcomes import evaluations_on, outcomes_of, quarantined, without
from harness.results.side_by_side import Trials, example_row
from harness.run_folder import RunFolder
from harness.types import Blame, Difference, ErrorPattern, Json, Task
from harness.types.names import ArmName, EvaluationName

Row = dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """An arm on the test tasks: outcomes, and the patterns of failures, by trajectory id."""

    outcomes: Mapping[str, Outcome]
    patterns: Mapping[str, str]

    def tasks(self) -> set[str]:
        """Those with a trial that counts."""
        return {one.task_id for one in self.outcomes.values() if not one.fault}

    def failed_by(self, patterns: Collection[str], tasks: Collection[str]) -> list[Outcome]:
        """For each trial on the tasks whether it failed by one of the patterns, as its success."""
        return [
            replace(one, success=not one.success and self.patterns.get(id, NONE) in patterns)
            for id, one in self.outcomes.items()
            if one.task_id in tasks
        ]


def fixed_rows(store: RunFolder) -> list[Json]:
    """A row for each round whose policy was evaluated on test tasks, in order."""
    found = evaluations_on(store, "test")
    excluded = quarantined(store, found.values())
    return [_round(store, found, arm.round, excluded) for arm in found if arm.kind == "rl"]


def _round(
    store: RunFolder,
    found: Mapping[ArmName, EvaluationName],
    number: int,
    excluded: Mapping[str, Blame],
) -> Row:
    """``per_100``: failures by the pattern in 100 conversations, by arm. ``differences``: those of
    the arm after minus those of another, by the other. ``why_not``: why there are none ("": there
    are).
    """
    before, after = ArmName.studied(number), ArmName.targeted(number)
    controls = [arm for arm in found if is_control(arm) and round_of(arm) == number]
    row: Row = {"round": number, "before": before, "after": after}
    targeted = _targeted(store, number)
    sides = {
        arm: side
        for arm in (before, after, *controls)
        if arm in found and (side := _side(store, found[arm], number, excluded)) is not None
    }
    if why_not := _why_not(targeted, [arm for arm in (before, after) if arm not in sides]):
        return {**row, "why_not": why_not}
    tasks = set.intersection(*(side.tasks() for side in sides.values()))
    if not tasks:
        return {**row, "why_not": "no test task has a trial that counts in every arm"}
    rows = [_compared(sides, after, {pattern.id}, tasks) for pattern in targeted]
    named: list[Row] = [
        {"id": pattern.id, "name": pattern.name, **row}
        for pattern, row in zip(targeted, rows, strict=True)
    ]
    named.sort(key=lambda row: _most_failures(row, before))
    ids = {pattern.id for pattern in targeted}
    seen = {pattern for side in sides.values() for pattern in side.patterns.values()}
    trials = {arm: Trials(evaluation=found[arm], outcomes=sides[arm].outcomes) for arm in sides}
    return {
        **row,
        "controls": [arm for arm in controls if arm in sides],
        "tasks": len(tasks),
        "patterns": list[Json](named),
        "targeted": _compared(sides, after, ids, tasks),
        "others": _compared(sides, after, (seen | {NONE}) - ids, tasks),
        "example": example_row(
            store, trials, before, after, [str(row["id"]) for row in named], sides[before].patterns
        ),
    }


def _why_not(targeted: Sequence[ErrorPattern], unread: Sequence[ArmName]) -> str:
    if not targeted:
        return "no pattern of the round has targeted tasks"
    if unread:
        return f"the test failures of {' and '.join(unread)} were not diagnosed by kind of mistake"
    return ""


def _targeted(store: RunFolder, number: int) -> list[ErrorPattern]:
    """The round's patterns that it made tasks for."""
    tasks = store.read_values(f"rounds/{number}/tasks.jsonl", Task)
    made = {task.origin.pattern_id for task in tasks if task.origin}
    patterns = store.read_values(f"rounds/{number}/patterns.jsonl", ErrorPattern)
    return [pattern for pattern in patterns if pattern.id in made]


def _side(
    store: RunFolder, evaluation: EvaluationName, number: int, excluded: Mapping[str, Blame]
) -> _Side | None:
    """None if the failures were not diagnosed."""
    mistakes = mistakes_of(store, evaluation)
    if mistakes is None:
        return None
    known = known_failures(store, number)
    return _Side(
        outcomes=without(outcomes_of(store, evaluation), excluded),
        patterns={mistake.trajectory_id: assigned(known, mistake) for mistake in mistakes},
    )


def _compared(
    sides: Mapping[ArmName, _Side], after: ArmName, patterns: Collection[str], tasks: set[str]
) -> Row:
    rows = {arm: side.failed_by(patterns, tasks) for arm, side in sides.items()}
    return {
        "failures": {arm: sum(o.success and not o.fault for o in own) for arm, own in rows.items()},
        "per_100": {
            arm: interval_row(pass_table(own, ks=(1,)).pass_[1]) for arm, own in rows.items()
        },
        "differences": {
            arm: interval_row(_difference(rows[after], own))
            for arm, own in rows.items()
            if arm != after
        },
    }


def _difference(after: Sequence[Outcome], other: Sequence[Outcome]) -> Difference:
    found = paired_difference(after, other, 1)
    return found or Difference(value=0.0, low=-100.0, high=100.0, p=1.0)


def _most_failures(row: Row, before: ArmName) -> tuple[int, str]:
    failures = Counter[str](row["failures"])  # type: ignore[arg-type]
    return -failures[before], str(row["id"])
