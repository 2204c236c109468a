"""Turn the rollouts of trainings into groups by task: what came of training on a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from harness.run_folder import RunFolder
from harness.training.rollout_log import TrainingRollout, read_rollouts


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutGroup:
    """A group of rollouts of one task in one step of an arm's training.

    ``trials`` are those that were trained on, ``uncounted`` the others. ``total`` and ``terms`` are
    the means of the reward and of its terms over the trials.
    """

    arm: str
    step: int
    group: int
    task_id: str
    trajectories: tuple[str, ...]
    successes: int
    trials: int
    uncounted: int
    total: float
    terms: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How practice on some tasks went in an arm: success in percent over the first and the second
    half of the steps that had any of them; None where a half has no trials.
    """

    arm: str
    tasks: int
    groups: int
    trials: int
    first: float | None
    second: float | None


def rollout_groups(store: RunFolder) -> list[RolloutGroup]:
    """All groups of all arms that reinforcement trained, in order; [] if none was kept."""
    folders = sorted((store.folder / "checkpoints").glob("*/rollouts.jsonl"))
    return [group for path in folders for group in _groups(store, path.parent.name)]


def courses(groups: Sequence[RolloutGroup]) -> list[Course]:
    """What the groups come to, by arm."""
    return [
        _course(arm, [group for group in groups if group.arm == arm])
        for arm in dict.fromkeys(group.arm for group in groups)
    ]


def _groups(store: RunFolder, arm: str) -> list[RolloutGroup]:
    found: dict[tuple[int, int], list[TrainingRollout]] = {}
    for row in read_rollouts(store, arm):
        found.setdefault((row.step, row.group), []).append(row)
    return [_group(arm, rows) for rows in found.values()]


def _group(arm: str, rows: Sequence[TrainingRollout]) -> RolloutGroup:
    counted = [row for row in rows if not row.uncounted]
    names = dict.fromkeys(name for row in counted for name in row.terms)
    return RolloutGroup(
        arm=arm,
        step=rows[0].step,
        group=rows[0].group,
        task_id=rows[0].task_id,
        trajectories=tuple(row.trajectory_id for row in rows),
        successes=sum(row.success for row in counted),
        trials=len(counted),
        uncounted=len(rows) - len(counted),
        total=round(fmean(row.total for row in counted), 4) if counted else 0.0,
        terms={name: round(fmean(row.terms[name] for row in counted), 4) for name in names},
    )


def _course(arm: str, groups: Sequence[RolloutGroup]) -> Course:
    steps = sorted({group.step for group in groups})
    middle = steps[(len(steps) - 1) // 2]
    return Course(
        arm=arm,
        tasks=len({group.task_id for group in groups}),
        groups=len(groups),
        trials=sum(group.trials for group in groups),
        first=_success([group for group in groups if group.step <= middle]),
        second=_success([group for group in groups if group.step > middle]),
    )


def _success(groups: Sequence[RolloutGroup]) -> float | None:
    trials = sum(group.trials for group in groups)
    return 100 * sum(group.successes for group in groups) / trials if trials else None
