"""Turn weighted vectors into groups and noise: the data choose how many groups there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]

SAME = 0.8
"""Vectors closer than this (Euclidean, of at most 2) are not a reason for a group of their own."""

RADIUS = SAME / 2**0.5
"""How far the members of such a group lie from its centre; being nearer yet earns no merit."""

WORTH_SPLITTING = 0.2
"""The merit from which more than one group is better than one."""

SEEDS = 256
"""At most so many small groups are made by k-means before they are joined."""

FITTED = 8192
"""At most so many vectors are looked at to find the groups; the others are put to the nearest."""

CHUNK = 65536
"""Rows that are compared with the centres at once."""

NOISE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """At most ``most`` groups, of ``least`` weight or more; ``threads`` are those of FAISS."""

    most: int
    least: float
    threads: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """``labels``: (n,), counted from 0 without gaps, ``NOISE`` for none; ``centres``: (groups,
    dimension); ``merit``: the silhouette times the share of the weight that is in groups.
    """

    labels: Labels
    centres: Vectors
    merit: float


def group(vectors: Vectors, weights: NDArray[np.float32], rule: Rule, *, seed: int) -> Grouping:
    """Groups of vectors that are alike, found without being told how many there are.

    vectors: (n, dimension), of length about 1; weights: (n,), how often each occurs. Small groups
    (k-means, at most ``SEEDS``, on at most ``FITTED`` vectors) are joined two by two, those first
    whose members are most alike on average (Sokal & Michener 1958). Of all the stages, that with
    the best merit counts, among those with at most ``rule.most`` groups of ``rule.least`` weight or
    more: the silhouette (Rousseeuw 1987, in the simplified form that measures to centres, where
    distances under ``RADIUS`` count as that), times the share of the weight in those groups. Every
    vector then goes to the nearest centre, unless the group it was found in is smaller than that.
    """
    with faiss_threads(rule.threads):
        rows = _sample(len(vectors), seed)
        seeds, found = _seeds(vectors[rows], weights[rows], seed)
        mass = np.bincount(found, weights[rows], len(seeds)).astype(np.float64)
        scale = float(weights.sum() / weights[rows].sum())
        joined, merit = _join(seeds, mass * scale, rule)
        kept = np.unique(joined[joined != NOISE])
        centres = np.stack(
            [np.average(seeds[joined == g], axis=0, weights=mass[joined == g]) for g in kept]
        ).astype(np.float32)
        labels = nearest(vectors, centres)
        labels[rows[joined[found] == NOISE]] = NOISE
    return Grouping(labels=labels, centres=centres, merit=merit)


def nearest(vectors: Vectors, centres: Vectors) -> Labels:
    """The index of the nearest centre for each vector, chunk by chunk."""
    found = np.empty(len(vectors), dtype=np.int64)
    for start in range(0, len(vectors), CHUNK):
        part = slice(start, start + CHUNK)
        found[part] = distances(vectors[part], centres).argmin(axis=1)
    return found


def distances(vectors: Vectors, centres: Vectors) -> Vectors:
    """Euclidean distances, shape (vectors, centres)."""
    squares = (vectors**2).sum(1)[:, None] + (centres**2).sum(1)[None, :]
    return np.asarray(np.sqrt(np.maximum(0, squares - 2 * vectors @ centres.T)), dtype=np.float32)


def silhouettes(apart: Vectors) -> Vectors:
    """How much nearer each row's nearest centre is than the next, in [0, 1]; 0 for one centre."""
    if apart.shape[1] < 2:
        return np.zeros(len(apart), dtype=np.float32)
    near = np.maximum(np.partition(apart, 1, axis=1)[:, :2], RADIUS)
    return np.asarray((near[:, 1] - near[:, 0]) / near[:, 1], dtype=np.float32)


@contextmanager
def faiss_threads(count: int) -> Iterator[None]:
    """FAISS uses so many threads inside."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _sample(count: int, seed: int) -> Labels:
    if count <= FITTED:
        return np.arange(count)
    chosen = np.random.default_rng(seed).choice(count, FITTED, replace=False)
    return np.asarray(np.sort(chosen), dtype=np.int64)


def _seeds(vectors: Vectors, weights: NDArray[np.float32], seed: int) -> tuple[Vectors, Labels]:
    """The centres of the small groups, and which of them each vector is in."""
    if len(vectors) <= SEEDS:
        return vectors, np.arange(len(vectors))
    kmeans = faiss.Kmeans(
        vectors.shape[1],
        SEEDS,
        niter=8,
        seed=seed,
        min_points_per_centroid=1,
        max_points_per_centroid=len(vectors),
    )
    kmeans.train(np.ascontiguousarray(vectors), weights=weights)
    found = nearest(vectors, np.asarray(kmeans.centroids, dtype=np.float32))
    used, labels = np.unique(found, return_inverse=True)
    centres = [np.average(vectors[found == g], axis=0, weights=weights[found == g]) for g in used]
    return np.stack(centres).astype(np.float32), np.asarray(labels, dtype=np.int64)


def _join(seeds: Vectors, mass: NDArray[np.float64], rule: Rule) -> tuple[Labels, float]:
    """The group of each seed at the best stage, ``NOISE`` for groups that are too small."""
    apart = distances(seeds, seeds)
    best = _kept(np.zeros(len(seeds), dtype=np.int64), mass, rule.least)
    best_merit = WORTH_SPLITTING
    merit_of_best = 0.0
    for labels in _stages(apart, mass):
        kept = _kept(labels, mass, rule.least)
        groups = np.unique(kept[kept != NOISE])
        if not 2 <= len(groups) <= rule.most:
            continue
        merit = _merit(seeds, mass, kept, groups)
        if merit > best_merit:
            best, best_merit, merit_of_best = kept, merit, merit
    return best, merit_of_best


def _stages(apart: Vectors, mass: NDArray[np.float64]) -> Iterator[Labels]:
    """The labels after each joining, from every seed alone to all but two together."""
    count = len(apart)
    labels = np.arange(count)
    size = mass.astype(np.float64).copy()
    between = (apart.astype(np.float64) ** 2).copy()
    np.fill_diagonal(between, np.inf)
    yield labels.copy()
    for _ in range(count - 2):
        first, second = np.unravel_index(int(between.argmin()), between.shape)
        total = size[first] + size[second]
        row = (size[first] * between[first] + size[second] * between[second]) / total
        between[first, :] = between[:, first] = row
        between[first, first] = np.inf
        between[second, :] = between[:, second] = np.inf
        size[first] = total
        labels[labels == second] = first
        yield labels.copy()


def _kept(labels: Labels, mass: NDArray[np.float64], least: float) -> Labels:
    """The labels, without those of groups of less than ``least``; all if every group is."""
    sizes = np.bincount(labels, weights=mass)
    enough = min(least, float(sizes.max()))
    return np.where(sizes[labels] >= enough - 1e-9, labels, NOISE)


def _merit(seeds: Vectors, mass: NDArray[np.float64], kept: Labels, groups: Labels) -> float:
    inside = kept != NOISE
    centres = np.stack(
        [np.average(seeds[kept == g], axis=0, weights=mass[kept == g]) for g in groups]
    ).astype(np.float32)
    good = silhouettes(distances(seeds[inside], centres))
    return float((good * mass[inside]).sum() / mass.sum())
