"""Turn a grouping into numbers that say how far to trust it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness_faiss.grouping import NOISE, Grouping, Labels, Rule, distances, group, silhouettes

RESAMPLES = 10
"""Bootstrap samples that are grouped anew."""

JUDGED = 2048
"""At most so many vectors, the same in every sample, are compared."""


def silhouette(
    vectors: NDArray[np.float32], weights: NDArray[np.float32], grouping: Grouping
) -> float:
    """The weighted mean over what is in groups, in [0, 1]; 0 for a single group.

    Simplified as in ``grouping.group``: distances are to centres, and floored.
    """
    inside = grouping.labels != NOISE
    if not inside.any():
        return 0.0
    good = silhouettes(distances(vectors[inside], grouping.centres))
    return float(np.average(good, weights=weights[inside]))


def stability(
    vectors: NDArray[np.float32],
    weights: NDArray[np.float32],
    grouping: Grouping,
    rule: Rule,
    *,
    seed: int,
) -> list[float]:
    """Adjusted Rand indices between the grouping and those of bootstrap samples (Hennig 2007).

    Each sample draws failures with replacement and is grouped anew with another seed; what is
    compared is where its centres put the same vectors. 1: always the same groups; 0: no better
    than chance. [] for fewer than two vectors.
    """
    if len(vectors) < 2:
        return []
    rng = np.random.default_rng(seed)
    judged = np.sort(rng.permutation(len(vectors))[:JUDGED])
    reference = np.where(
        grouping.labels[judged] == NOISE,
        NOISE,
        distances(vectors[judged], grouping.centres).argmin(axis=1),
    )
    found = []
    for number in range(RESAMPLES):
        drawn = rng.choice(len(vectors), min(len(vectors), JUDGED), p=weights / weights.sum())
        rows, times = np.unique(drawn, return_counts=True)
        again = group(
            vectors[rows],
            (times * (weights.sum() / times.sum())).astype(np.float32),
            rule,
            seed=seed + 1 + number,
        )
        labels = distances(vectors[judged], again.centres).argmin(axis=1)
        inside = reference != NOISE
        found.append(adjusted_rand(reference[inside], labels[inside], weights[judged][inside]))
    return found


def adjusted_rand(
    first: Labels, second: Labels, weights: NDArray[np.float32] | None = None
) -> float:
    """Agreement of two labelings of the same things, corrected for chance (Hubert & Arabie 1985).

    1 for the same groups under whatever names; about 0 for independent ones. weights: how often
    each thing occurs.
    """
    mass = np.ones(len(first)) if weights is None else weights.astype(np.float64)
    _, rows = np.unique(first, return_inverse=True)
    _, columns = np.unique(second, return_inverse=True)
    if not len(rows):
        return 1.0
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), mass)
    pairs, total = _pairs(table).sum(), _pairs(table.sum())
    one, other = _pairs(table.sum(axis=1)).sum(), _pairs(table.sum(axis=0)).sum()
    expected = one * other / total if total else 0.0
    most = (one + other) / 2
    return float((pairs - expected) / (most - expected)) if most != expected else 1.0


def _pairs(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(counts * (counts - 1) / 2)
