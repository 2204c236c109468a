"""Turn results into estimates with intervals over tasks and seeds, and expectations into verdicts.

Intervals are percentiles of a bootstrap that draws seeds and, independently, tasks, both with
replacement, and takes the mean over all pairs drawn (Owen, "The pigeonhole bootstrap", 2007): a
value of one seed and task shares its luck with all others of the seed and all others of the task.
Differences are taken within seed and task first, so that what both arms share cancels out. Values
are in percent or points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.evaluation.metrics import percentile_interval, sign_flip_p, tested, uniform_interval
from harness.study.results_file import Mask, Results, Values
from harness.study.spec import Expectation
from harness.types import Difference, Interval

KS = (1, 2, 3, 4)

Draws = tuple[NDArray[np.int64], NDArray[np.int64]]
"""How often each seed, and each task, was drawn: shapes (resamples, seeds), (resamples, tasks)."""

Verdict = Literal["confirmed", "refuted", "undecided", "not run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean with its interval, and over how many seeds and tasks it is."""

    interval: Interval
    seeds: int
    tasks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart(Estimate):
    """An estimate of a difference."""

    interval: Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An expectation, what came of it, and the estimates that decide (by what they compare)."""

    expectation: Expectation
    verdict: Verdict
    estimates: Mapping[str, Apart]


def estimate(
    values: Values,
    weights: Values | None = None,
    *,
    least: float = 0.0,
    seed: int,
    resamples: int,
) -> Estimate | None:
    """The mean of values in [least, 100] of shape (seeds, tasks), nan left out; None if there are
    none.

    ``weights``, of the same shape, are at least 0; None: all alike. What has none is not there.
    """
    weighed = np.where(np.isnan(values), 0.0, 1.0 if weights is None else weights)
    there = weighed > 0
    if not there.any():
        return None
    counted = values[there]
    if (counted == counted[0]).all():
        interval = uniform_interval(float(counted[0]), least, int(there.any(axis=0).sum()))
    else:
        mean, means = _means(values, weighed, _draws(values.shape, seed, resamples))
        interval = percentile_interval(mean, means[~np.isnan(means)])
    return Estimate(
        interval=interval,
        seeds=int(there.any(axis=1).sum()),
        tasks=int(there.any(axis=0).sum()),
    )


def apart(values: Values, *, seed: int, resamples: int) -> Apart | None:
    """The mean of differences of shape (seeds, tasks), as ``estimate``, and the p-value of signs by
    chance: those of the tasks, each with its mean over the seeds.
    """
    found = estimate(values, least=-100.0, seed=seed, resamples=resamples)
    if found is None:
        return None
    tried = values[:, ~np.isnan(values).all(axis=0)]
    p = sign_flip_p(np.nanmean(tried, axis=0).tolist())
    return Apart(interval=tested(found.interval, p), seeds=found.seeds, tasks=found.tasks)


def fall_estimate(
    targeted: tuple[Values, Values], others: tuple[Values, Values], *, seed: int, resamples: int
) -> Apart | None:
    """By how many points the share of failures that are gone is larger among the targeted ones than
    among the others.

    Each pair has the rates before and after, of shape (seeds, tasks), nan where either is missing.
    The shares are of means over what is drawn. None if before there are no failures of one sort.
    There are no signs to be left to chance in a share: the interval decides alone.
    """
    there = ~np.isnan(sum([*targeted, *others]))
    drawn = _draws(there.shape, seed, resamples)
    found = [_means(rates, there.astype(float), drawn) for rates in (*targeted, *others)]
    (was, were), (is_, are), (other_was, others_were), (other_is, others_are) = found
    if not was or not other_was or np.isnan(was + other_was):
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = 100 * (others_are / others_were - are / were)
    whole = 100 * (other_is / other_was - is_ / was)
    return Apart(
        interval=tested(percentile_interval(whole, shares[np.isfinite(shares)]), 0.0),
        seeds=int(there.any(axis=1).sum()),
        tasks=int(there.any(axis=0).sum()),
    )


def _draws(shape: tuple[int, ...], seed: int, resamples: int) -> Draws:
    rng = np.random.default_rng(seed)
    seeds, tasks = shape
    return (
        rng.multinomial(seeds, np.full(seeds, 1 / seeds), resamples),
        rng.multinomial(tasks, np.full(tasks, 1 / tasks), resamples),
    )


def _means(values: Values, weights: Values, drawn: Draws) -> tuple[float, Values]:
    """The weighted mean of the values, and that of each resample; nan where nothing has a weight.
    Values without a weight may be nan.
    """
    filled = np.where(weights > 0, np.nan_to_num(values), 0.0) * weights
    totals, counts = (((drawn[0] @ part) * drawn[1]).sum(axis=1) for part in (filled, weights))
    means = np.divide(totals, counts, out=np.full(len(totals), np.nan), where=counts > 0)
    whole = float(weights.sum())
    return (float(filled.sum()) / whole if whole else float("nan")), means


def pass_estimate(results: Results, arm: str, k: int) -> Estimate | None:
    """An arm's Pass^k over all its seeds; None if no task has k trials."""
    seeds = results.seeds(arm)
    return _estimated(results, results.passes(arm, k, seeds)) if seeds else None


def difference(
    results: Results, arm: str, against: str, k: int, *, among: Mask | None = None
) -> Apart | None:
    """How far an arm's Pass^k is above another's, over the seeds that both have, ``among`` all or
    some of the tasks.
    """
    seeds = results.seeds(arm, against)
    if not seeds:
        return None
    values = results.passes(arm, k, seeds) - results.passes(against, k, seeds)
    return _apart(results, values if among is None else np.where(among, values, np.nan))


def by_sft(results: Results, arm: str) -> dict[str, Estimate | None]:
    """An arm's Pass^1 over the trials of which SFT of the same seed never, sometimes and always
    solved the task in its other trials. So SFT itself can be held beside it.
    """
    seeds = results.seeds("sft", arm)
    if not seeds:
        return {}
    split = results.split(arm, "sft", seeds)
    return {
        how: _estimated(results, *values_and_trials) for how, values_and_trials in split.items()
    }


def curve_estimate(results: Results, arm: str, step: int) -> Estimate | None:
    """Pass^1 of the weights that an arm had after a step, over the seeds that have them."""
    seeds = [s for s in results.seeds(arm) if step in [p.step for p in results.arms[arm][s].curve]]
    return _estimated(results, results.curve_passes(arm, step, seeds)) if seeds else None


def curve_difference(results: Results, arm: str, against: str, step: int) -> Apart | None:
    """How far an arm's Pass^1 is above another's after the same step, over the seeds that have
    both.
    """
    seeds = [
        s
        for s in results.seeds(arm, against)
        if all(step in [p.step for p in results.arms[a][s].curve] for a in (arm, against))
    ]
    if not seeds:
        return None
    values = [results.curve_passes(a, step, seeds) for a in (arm, against)]
    return _apart(results, values[0] - values[1])


def targeted_patterns(results: Results, arm: str, seeds: Sequence[int]) -> dict[int, list[str]]:
    """The ids of the patterns that tasks were made for in round 1 of the arm, by seed."""
    shared = results.shared(arm)
    return {s: [p.id for p in shared[s].patterns if p.tasks] for s in seeds if s in shared}


def pattern_estimate(
    results: Results, arm: str, patterns: Mapping[int, Sequence[str]]
) -> Estimate | None:
    """An arm's failures of these patterns (ids by seed) per 100 conversations."""
    here = {s: ids for s, ids in patterns.items() if s in results.seeds(arm)}
    return _estimated(results, results.failures(arm, here)) if here else None


def solved_estimate(
    results: Results, arm: str, patterns: Mapping[int, Sequence[str]]
) -> Estimate | None:
    """An arm's Pass^1 where SFT of the same seed failed by these patterns (ids by seed): a test
    task counts as often as it did.
    """
    both = {s: ids for s, ids in patterns.items() if s in results.seeds("sft", arm)}
    if not both:
        return None
    weights = np.nan_to_num(results.failures("sft", both))
    return _estimated(results, results.passes(arm, 1, list(both)), weights)


def pattern_difference(
    results: Results, arm: str, against: str, patterns: Mapping[int, Sequence[str]]
) -> Apart | None:
    """How many more of them an arm has than another, over the seeds that both have."""
    both = {s: ids for s, ids in patterns.items() if s in results.seeds(arm, against)}
    if not both:
        return None
    return _apart(results, results.failures(arm, both) - results.failures(against, both))


def fall_difference(results: Results, arm: str, against: str) -> Apart | None:
    """By how many points the share of ``against``'s failures that are gone in the arm is larger
    among the patterns that tasks were made for than among the agent's other failures.
    """
    seeds = results.seeds(arm, against)
    targeted = targeted_patterns(results, arm, seeds)
    if not targeted:
        return None
    others = {s: _other_failures(results, (arm, against), s, ids) for s, ids in targeted.items()}
    pairs = [
        (results.failures(against, ids), results.failures(arm, ids)) for ids in (targeted, others)
    ]
    study = results.study
    return fall_estimate(*pairs, seed=study.bootstrap_seed, resamples=study.resamples)


def _other_failures(
    results: Results, arms: Sequence[str], seed: int, targeted: Sequence[str]
) -> list[str]:
    ids = dict.fromkeys(id for arm in arms for id in results.arms[arm][seed].failures)
    return [id for id in ids if id not in targeted]


def judge(results: Results, expectation: Expectation) -> Judged:
    """Whether the results show what was expected.

    A difference, of Pass^k or of shares of failures that are gone, is confirmed if it reaches
    ``at_least`` and is sure (``Difference.direction``), refuted if the whole interval is below
    ``at_least``. That an arm is lowest (or has fewer failures of the patterns) is confirmed if it
    is surely below each other arm, refuted if it is surely above one. All else is undecided.
    """
    arm, k = expectation.arm, expectation.k
    found: dict[str, Apart | None]
    if expectation.shows == "lowest":
        others = [name for name in expectation.among if name != arm]
        found = {name: difference(results, arm, name, k) for name in others}
    elif expectation.shows == "patterns":
        patterns = targeted_patterns(results, arm, results.seeds(arm, expectation.against))
        found = {
            expectation.against: pattern_difference(results, arm, expectation.against, patterns)
        }
    elif expectation.shows == "falls":
        found = {expectation.against: fall_difference(results, arm, expectation.against)}
    else:
        found = {expectation.against: difference(results, arm, expectation.against, k)}
    known = {name: one for name, one in found.items() if one is not None}
    if len(known) < len(found) or not found:
        return Judged(expectation=expectation, verdict="not run", estimates=known)
    intervals = [one.interval for one in known.values()]
    if expectation.shows in ("difference", "falls"):
        verdict = _reaches(intervals[0], expectation.at_least)
    else:
        verdict = _all_below(intervals)
    return Judged(expectation=expectation, verdict=verdict, estimates=known)


def _reaches(interval: Difference, at_least: float) -> Verdict:
    if interval.value >= at_least and interval.direction == "higher":
        return "confirmed"
    return "refuted" if interval.high < at_least else "undecided"


def _all_below(intervals: Sequence[Difference]) -> Verdict:
    directions = {interval.direction for interval in intervals}
    if directions == {"lower"}:
        return "confirmed"
    return "refuted" if "higher" in directions else "undecided"


def _estimated(results: Results, values: Values, weights: Values | None = None) -> Estimate | None:
    study = results.study
    return estimate(values, weights, seed=study.bootstrap_seed, resamples=study.resamples)


def _apart(results: Results, values: Values) -> Apart | None:
    study = results.study
    return apart(values, seed=study.bootstrap_seed, resamples=study.resamples)
