"""Turn the patterns of two rounds into what has changed, and into when to stop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.evaluation.metrics import mean_interval, sampled_difference, sign_flip_p, tested
from harness.types import Difference
from harness.types.failures import LEVEL

Status = Literal["new", "gone", "back", "more", "less", "same"]
Verdict = Literal["shifting", "settled", "too few failures"]

PERMUTATIONS = 2000

VISIBLE = 0.2
"""A shift of this size (total variation) must have been visible for its absence to mean anything.
"""

NONE = ""
"""Stands for failures in no pattern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """Who failed how in one round: ``trials`` by task id; failures by task id and pattern id.

    ``failures`` holds the agent's failures only, those in no pattern under ``NONE``. ``trials``
    leaves out faults and what is in quarantine.
    """

    trials: Mapping[str, int]
    failures: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def counts(self) -> Counter[str]:
        """Failures by pattern id."""
        total: Counter[str] = Counter()
        for patterns in self.failures.values():
            total.update(patterns)
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of a pattern: failures by it before and after, and the difference in failures
    per 100 conversations with a 95% interval.
    """

    pattern_id: str
    before: int
    after: int
    difference: Difference
    status: Status

    @property
    def sure(self) -> bool:
        return self.difference.is_sure


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How far the mix of the agent's failures has moved.

    ``distance`` is the total variation between the two mixes, in [0, 1]: the share of failures that
    would have to change their pattern. ``p`` is its permutation p-value; ``visible`` the distance
    that chance alone stays under in 95% of permutations. ``verdict``: "shifting" if p is under
    ``LEVEL`` or a pattern has surely come or gone; "settled" if not, and a distance of ``VISIBLE``
    would have shown; else there are too few failures to tell. ``paired``: whether both rounds had
    the same tasks.
    """

    distance: float
    p: float
    visible: float
    paired: bool
    verdict: Verdict
    changes: tuple[Change, ...]


def compare(
    before: Landscape,
    after: Landscape,
    *,
    earlier: Sequence[str] = (),
    seed: int = 0,
    as_samples: bool = False,
) -> Shift:
    """What has changed from one round to a later one.

    earlier: ids of patterns seen before both. Tasks that both had are compared with themselves and
    differences are resampled by task, so that the difficulty of tasks cancels out; without any such
    task, and if ``as_samples``, each side is resampled on its own. The permutation test exchanges
    the two rounds within tasks (or tasks between rounds), so that trials of one task stay together.
    """
    tried = (t for t, n in before.trials.items() if n and after.trials.get(t))
    common = [] if as_samples else sorted(tried)
    paired = bool(common)
    ids = sorted({*before.counts(), *after.counts()} - {NONE})
    columns = [*ids, NONE]
    first = _table(before, common or _tried(before), columns)
    second = _table(after, common or _tried(after), columns)
    distance = _distance(first.sum(axis=0), second.sum(axis=0))
    chance = _permuted(first, second, paired=paired, seed=seed)
    p = float((1 + (chance >= distance - 1e-12).sum()) / (1 + len(chance)))
    visible = float(np.quantile(chance, 1 - LEVEL)) if len(chance) else 1.0
    changes = [_change(before, after, id, common, earlier, seed) for id in ids]
    return Shift(
        distance=distance,
        p=p,
        visible=visible,
        paired=paired,
        verdict=_verdict(p, visible, changes),
        changes=tuple(sorted(changes, key=lambda c: (-abs(c.difference.value), c.pattern_id))),
    )


def _tried(side: Landscape) -> list[str]:
    return sorted(task for task, trials in side.trials.items() if trials)


def _table(side: Landscape, tasks: Sequence[str], columns: Sequence[str]) -> NDArray[np.float64]:
    """Failures by task and pattern."""
    rows = [[side.failures.get(task, {}).get(id, 0) for id in columns] for task in tasks]
    return np.asarray(rows, dtype=np.float64).reshape(len(tasks), len(columns))


def _distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    if not first.sum() or not second.sum():
        return 0.0 if first.sum() == second.sum() else 1.0
    return float(np.abs(first / first.sum() - second / second.sum()).sum() / 2)


def _permuted(
    first: NDArray[np.float64], second: NDArray[np.float64], *, paired: bool, seed: int
) -> NDArray[np.float64]:
    """Distances when it is left to chance which round a task's failures are from."""
    if not first.sum() or not second.sum():
        return np.zeros(0)
    rng = np.random.default_rng(seed)
    found = np.empty(PERMUTATIONS)
    both = np.concatenate([first, second])
    for number in range(PERMUTATIONS):
        if paired:
            swap = rng.random(len(first)) < 0.5
            one = np.where(swap[:, None], second, first).sum(axis=0)
        else:
            one = both[rng.permutation(len(both))[: len(first)]].sum(axis=0)
        found[number] = _distance(one, both.sum(axis=0) - one)
    return found


def _change(
    before: Landscape,
    after: Landscape,
    id: str,
    common: Sequence[str],
    earlier: Sequence[str],
    seed: int,
) -> Change:
    had, has = before.counts()[id], after.counts()[id]
    if common:
        values = _rates(after, id, common) - _rates(before, id, common)
        difference = tested(mean_interval(values, seed=seed), sign_flip_p(values.tolist()))
    else:
        old = _rates(before, id, _tried(before))
        new = _rates(after, id, _tried(after))
        difference = _unpaired(new, old, seed)
    return Change(
        pattern_id=id,
        before=had,
        after=has,
        difference=difference,
        status=_status(had, has, difference, id in earlier),
    )


def _verdict(p: float, visible: float, changes: Sequence[Change]) -> Verdict:
    if p < LEVEL or any(c.sure and c.status in ("new", "gone", "back") for c in changes):
        return "shifting"
    return "settled" if visible <= VISIBLE else "too few failures"


def _status(had: int, has: int, difference: Difference, known: bool) -> Status:
    if not had:
        return "back" if known else "new"
    if not has:
        return "gone"
    moved: dict[str, Status] = {"higher": "more", "lower": "less"}
    return moved.get(difference.direction, "same")


def _rates(side: Landscape, id: str, tasks: Sequence[str]) -> NDArray[np.float64]:
    """Failures by a pattern per 100 conversations on each task."""
    return np.asarray(
        [100 * side.failures.get(task, {}).get(id, 0) / side.trials[task] for task in tasks]
    )


def _unpaired(new: NDArray[np.float64], old: NDArray[np.float64], seed: int) -> Difference:
    if not len(new) or not len(old):
        return Difference(value=0.0, low=-100.0, high=100.0, p=1.0)
    return sampled_difference(new, old, seed=seed)
