"""Turn counts of mistakes into shares of an agent's failures, by what it lacks in any domain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from harness.discovery.families import CAPABILITIES
from harness.study.analysis import Estimate, estimate
from harness.study.results_file import Mistakes, Results, Values, mistaken


def shares(results: Results, arm: str) -> dict[str, Estimate]:
    """The share, in percent, of an arm's failures on test tasks, by what it lacks; {} without any
    failure.
    """
    by_seed = results.arms.get(arm, {})
    counted = [(result.mistakes, len(result.tasks)) for result in by_seed.values()]
    return _shares(results, [m for m, _ in counted], max((n for _, n in counted), default=0))


def shares_by_round(results: Results, arm: str) -> dict[int, dict[str, Estimate]]:
    """The same of the failures on validation tasks that each of the arm's rounds read."""
    by_seed = results.arms.get(arm, {})
    read: dict[int, list[Mistakes]] = {}
    for result in by_seed.values():
        for number, mistakes in result.mistakes_by_round.items():
            read.setdefault(int(number), []).append(mistakes)
    if not read:
        return {}
    places = [int(place) for one in read.values() for m in one for place in mistaken(m)]
    had = results.study.config(arm, results.study.seeds[0]).validation_tasks
    tasks = max(had, *(place + 1 for place in places))
    return {number: _shares(results, read[number], tasks) for number in sorted(read)}


def kinds(results: Results, arm: str) -> dict[str, Counter[str]]:
    """How many failures on test tasks are of each kind of mistake, by what the agent lacks."""
    found: dict[str, Counter[str]] = {}
    for result in results.arms.get(arm, {}).values():
        for lacks, of_kind in result.mistakes.items():
            for kind, by_place in of_kind.items():
                found.setdefault(lacks, Counter())[kind] += sum(by_place.values())
    return found


def _shares(results: Results, by_seed: Sequence[Mistakes], tasks: int) -> dict[str, Estimate]:
    failures = {lacks: _failures(by_seed, lacks, tasks) for lacks in CAPABILITIES}
    every = np.sum(list(failures.values()), axis=0)
    if not every.sum():
        return {}
    study, found = results.study, dict[str, Estimate]()
    for lacks, counts in failures.items():
        rates = np.divide(100 * counts, every, out=np.zeros(every.shape), where=every > 0)
        one = estimate(rates, every, seed=study.bootstrap_seed, resamples=study.resamples)
        if one is not None:
            found[lacks] = one
    return found


def _failures(by_seed: Sequence[Mistakes], lacks: str, tasks: int) -> Values:
    """Shape (seeds, tasks)."""
    found = np.zeros((len(by_seed), tasks))
    none: Mapping[str, Mapping[str, int]] = {}
    for row, mistakes in enumerate(by_seed):
        for by_place in mistakes.get(lacks, none).values():
            for place, count in by_place.items():
                found[row, int(place)] += count
    return found
