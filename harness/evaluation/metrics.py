"""Turn outcomes of repeated trials into Pass^k with confidence intervals, by pure functions.

Pass^k is the chance that k independent trials of a task all succeed, averaged over tasks (Yao et
al., "tau-bench", arXiv:2406.12045). All values are in percent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import comb, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from harness.types import Difference, Episode, Interval

RESAMPLES = 2000
"""Bootstrap resamples of the tasks."""

DRAWS = 20_000
"""Random signs, where there are too many to try them all."""

MOST_SUMS = 50_000
"""Different sums of signed values that are still kept."""

MOST_CHOSEN = 2**24
"""Values that resamples hold at once."""

CONFIDENCE = 95.0
"""Percent of the resampled values that an interval covers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one trial of a task ended.

    ``fault`` says which fault ended it or that it is not gradeable, "" for neither; with one,
    ``success`` does not count.
    """

    task_id: str
    success: bool
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassTable:
    """Pass^k by k, in percent, with ``CONFIDENCE`` intervals.

    ``tasks``, ``trials`` and ``faults`` count all that was tried; faults are among the trials but
    in no value. ``counted[k]`` is how many tasks had the k fault-free trials that Pass^k needs: the
    others are left out of ``pass_[k]``. A k that no task can be counted for is in neither mapping.
    """

    tasks: int
    trials: int
    faults: int
    pass_: Mapping[int, Interval]
    counted: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """How much repeated trials of one policy differ, though nothing was changed.

    ``tasks`` have two or more trials that count, and in ``unsteady`` of them these do not all end
    alike. ``difference``: in ``CONFIDENCE`` percent of cases the Pass^1 of two runs of ``trials``
    trials per task (a mean) on these tasks differ by no more, in percentage points.
    """

    tasks: int
    unsteady: int
    trials: float
    difference: float


def outcomes(episodes: Iterable[Episode]) -> list[Outcome]:
    """What of each episode counts towards Pass^k."""
    return [
        Outcome(
            task_id=episode.task.id,
            success=episode.score.success,
            fault=episode.uncounted,
        )
        for episode in episodes
    ]


def pass_hat_k(successes: int, trials: int, k: int) -> float:
    """The unbiased estimate, in [0, 1], of the chance that k fresh trials of a task all succeed.

    That is the share of the k-subsets of the trials in which all succeed. Raises ``ValueError``
    unless 1 <= k <= trials and 0 <= successes <= trials.
    """
    if not 1 <= k <= trials:
        raise ValueError(f"Pass^{k} needs at least {k} trials and k >= 1, found {trials} trials")
    if not 0 <= successes <= trials:
        raise ValueError(f"found {successes} successes in {trials} trials")
    return comb(successes, k) / comb(trials, k)


def pass_table(
    results: Iterable[Outcome],
    ks: Sequence[int] = (1, 2, 3, 4),
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> PassTable:
    """Pass^k for each k, with percentile intervals from a seeded bootstrap over tasks; where all
    tasks have the same value, with the interval that their number alone allows.

    Faults are counted apart and excluded. For each k, a task with fewer than k fault-free trials is
    left out; ``PassTable.counted`` says how many stayed. The order of the results does not matter.
    """
    results = list(results)
    tally = _tally(results)
    pass_, counted = {}, {}
    for k in ks:
        values = _task_values(tally, k)
        if values:
            pass_[k] = bounded_interval(
                np.asarray(list(values.values())), 0, seed=seed, resamples=resamples
            )
            counted[k] = len(values)
    return PassTable(
        tasks=len(tally),
        trials=len(results),
        faults=sum(bool(result.fault) for result in results),
        pass_=pass_,
        counted=counted,
    )


def paired_difference(
    arm: Iterable[Outcome],
    reference: Iterable[Outcome],
    k: int = 1,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Difference | None:
    """How much higher the arm's Pass^k is than the reference's, in percentage points, with the
    p-value of signs by chance (``sign_flip_p``).

    The bootstrap resamples tasks and keeps the two values of a task together, so that the
    difficulty of tasks cancels out. Only tasks with k fault-free trials in both are compared; None
    if there is none.
    """
    differences = task_differences(arm, reference, k)
    if not differences:
        return None
    found = bounded_interval(np.asarray(differences), -100, seed=seed, resamples=resamples)
    return tested(found, sign_flip_p(differences))


def unpaired_difference(
    arm: Iterable[Outcome], reference: Iterable[Outcome], k: int = 1
) -> Difference | None:
    """How much higher the arm's Pass^k is than the reference's on other tasks, in percentage
    points: the sides are two samples of tasks, each resampled on its own, and the p-value is that
    of ``sampled_difference``. None if a side has no task with k fault-free trials.

    A side whose tasks all have the same value adds the interval that their number alone allows.
    """
    values, others = (
        np.asarray(list(_task_values(_tally(side), k).values())) for side in (arm, reference)
    )
    if not len(values) or not len(others):
        return None
    found = sampled_difference(values, others)
    low, high = found.low, found.high
    for side, sign in ((values, 1), (others, -1)):
        if (side == side[0]).all():
            alone = uniform_interval(float(side[0]), 0, len(side))
            room = sorted(sign * (end - alone.value) for end in (alone.low, alone.high))
            low, high = low + room[0], high + room[1]
    return replace(found, low=max(low, -100.0), high=min(high, 100.0))


def sampled_difference(
    values: NDArray[np.float64], others: NDArray[np.float64], *, seed: int = 0
) -> Difference:
    """``difference_interval`` with the two-sided p-value of tasks that are on either side by
    chance: how often the means are as far apart then. Each side is one value per task.
    """
    interval = difference_interval(values, others, seed=seed)
    sizes, times = np.unique(np.concatenate([values, others]), return_counts=True)
    drawn = np.random.default_rng(seed).multivariate_hypergeometric(times, len(values), DRAWS)
    apart = drawn @ sizes / len(values) - (times - drawn) @ sizes / len(others)
    far = np.abs(apart) >= abs(interval.value) - 1e-9
    return tested(interval, float((1 + far.sum()) / (1 + DRAWS)))


def tested(interval: Interval, p: float) -> Difference:
    """The interval with its p-value."""
    return Difference(value=interval.value, low=interval.low, high=interval.high, p=p)


def compared_tasks(arm: Iterable[Outcome], reference: Iterable[Outcome], k: int = 1) -> int:
    """How many tasks have k fault-free trials in both: those of ``paired_difference``."""
    return len(task_differences(arm, reference, k))


def task_differences(
    arm: Iterable[Outcome], reference: Iterable[Outcome], k: int = 1
) -> list[float]:
    """By how many points the arm's Pass^k of a task is above the reference's, for each task that
    both have k fault-free trials of, in the order of their ids.
    """
    values, baseline = _task_values(_tally(arm), k), _task_values(_tally(reference), k)
    return [
        values[task_id] - baseline[task_id] for task_id in sorted(values.keys() & baseline.keys())
    ]


def sign_flip_p(differences: Sequence[float], *, seed: int = 0, draws: int = DRAWS) -> float:
    """The two-sided p-value of paired differences whose signs mean nothing: how often their mean is
    as far from 0 if each has its sign by chance. 1 where none differs.

    Where few tasks differ, a bootstrap over tasks leaves out 0 too easily, and this test does not
    (Fisher, "The Design of Experiments", 1935, section 21). It is exact unless the values are many
    and hardly two alike.
    """
    values = np.asarray([value for value in differences if value])
    if not len(values):
        return 1.0
    values = values / np.abs(values).max()
    sizes, times = np.unique(np.abs(values).round(9), return_counts=True)
    far = abs(values.sum()) - 1e-6
    if (exact := _signed_sums(sizes, times)) is not None:
        sums, chances = exact
        return min(1.0, float(chances[np.abs(sums) >= far].sum()))
    rng = np.random.default_rng(seed)
    drawn = (2 * rng.binomial(times, 0.5, (draws, len(times))) - times) @ sizes
    return float((1 + (np.abs(drawn) >= far).sum()) / (1 + draws))


def _signed_sums(
    sizes: NDArray[np.float64], times: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """All sums of values of these sizes, so many of each, with signs by chance, and how likely each
    sum is; None where there are too many.
    """
    sums: NDArray[np.float64] = np.zeros(1)
    chances: NDArray[np.float64] = np.ones(1)
    for size, number in zip(sizes, times.tolist(), strict=True):
        steps = size * (2 * np.arange(number + 1) - number)
        if len(sums) * len(steps) > 10 * MOST_SUMS:
            return None
        odds = np.asarray([comb(number, k) / 2**number for k in range(number + 1)])
        sums, places = np.unique(np.add.outer(sums, steps).ravel().round(8), return_inverse=True)
        weights = np.multiply.outer(chances, odds).ravel()
        chances = np.bincount(places.ravel(), weights).astype(np.float64)
        if len(sums) > MOST_SUMS:
            return None
    return sums, chances


def noise_floor(results: Iterable[Outcome], *, runs: int = 1) -> NoiseFloor | None:
    """The noise floor of one policy from its repeated trials, which may come from several ``runs``;
    None where no task has two trials that count.

    The variance of a task's Pass^1 is its unbiased estimate s(n - s) / (n (n - 1)) for s successes
    in n trials, divided by the trials of one run. The tasks are the same in both runs, so that only
    this variance, and not that between tasks, makes two runs differ.
    """
    repeated = [(s, n) for s, n in _tally(results).values() if n > 1]
    if not repeated:
        return None
    variances = [s * (n - s) / (n * (n - 1)) / (n / runs) for s, n in repeated]
    deviation = sqrt(2 * sum(variances)) / len(repeated)
    return NoiseFloor(
        tasks=len(repeated),
        unsteady=sum(0 < s < n for s, n in repeated),
        trials=sum(n for _, n in repeated) / len(repeated) / runs,
        difference=100 * NormalDist().inv_cdf(0.5 + CONFIDENCE / 200) * deviation,
    )


def mean_interval(
    values: NDArray[np.float64], *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """The mean of one value per task with the percentile interval of resampled tasks; all 0 for no
    values.
    """
    if not len(values):
        return Interval(value=0.0, low=0.0, high=0.0)
    means = _resampled_means(values, np.random.default_rng(seed), resamples)
    return percentile_interval(float(values.mean()), means)


def difference_interval(
    values: NDArray[np.float64],
    others: NDArray[np.float64],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """How much higher the mean of the values is than that of the others, with the percentile
    interval; each side is one value per task, and is resampled on its own.
    """
    rng = np.random.default_rng(seed)
    drawn = _resampled_means(values, rng, resamples) - _resampled_means(others, rng, resamples)
    return percentile_interval(float(values.mean() - others.mean()), drawn)


def percentile_interval(value: float, resampled: NDArray[np.float64]) -> Interval:
    """The value with the bounds between which ``CONFIDENCE`` percent of its resampled values lie,
    widened to hold the value.
    """
    tail = (100 - CONFIDENCE) / 2
    low, high = np.percentile(resampled, [tail, 100 - tail])
    return Interval(value=value, low=min(float(low), value), high=max(float(high), value))


def _tally(results: Iterable[Outcome]) -> dict[str, tuple[int, int]]:
    """(successes, trials) without faults, by task id in sorted order."""
    successes: Counter[str] = Counter()
    trials: Counter[str] = Counter()
    for result in results:
        trials[result.task_id] += not result.fault
        successes[result.task_id] += result.success and not result.fault
    return {task_id: (successes[task_id], trials[task_id]) for task_id in sorted(trials)}


def _task_values(tally: Mapping[str, tuple[int, int]], k: int) -> dict[str, float]:
    return {
        task_id: 100 * pass_hat_k(successes, trials, k)
        for task_id, (successes, trials) in tally.items()
        if trials >= k
    }


def bounded_interval(
    values: NDArray[np.float64], least: float, *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """The interval of the mean of one value in [least, 100] per task, of which there is one or
    more: resampled, or ``uniform_interval`` where they are all the same.
    """
    if (values != values[0]).any():
        return mean_interval(values, seed=seed, resamples=resamples)
    return uniform_interval(float(values[0]), least, len(values))


def uniform_interval(value: float, least: float, tasks: int) -> Interval:
    """The interval of the mean of values in [least, 100] that are all the same.

    They leave nothing to resample. That n tasks show no other value has a chance of (1 - r)^n if a
    share r of all tasks has one, so r is at most 1 - 0.05^(1/n) with 95% confidence (the "rule of
    three": about 3 in n), and the mean is no farther off than r allows.
    """
    others = 1 - (1 - CONFIDENCE / 100) ** (1 / tasks)
    low, high = value - others * (value - least), value + others * (100 - value)
    return Interval(value=value, low=low, high=high)


def _resampled_means(
    values: NDArray[np.float64], rng: np.random.Generator, resamples: int
) -> NDArray[np.float64]:
    """Shape (resamples,): means of as many values, drawn with replacement."""
    rows = max(1, MOST_CHOSEN // len(values))
    parts = [min(rows, resamples - start) for start in range(0, resamples, rows)]
    chosen = (rng.integers(0, len(values), (part, len(values))) for part in parts)
    return np.concatenate([values[some].mean(axis=1) for some in chosen])
