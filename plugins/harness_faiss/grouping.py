"""Turn weighted unit vectors into groups with FAISS k-means; the data choose how many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import faiss
import numpy as np
from numpy.typing import NDArray

SAME = 0.8
"""Vectors closer than this (Euclidean, of at most 2) are not a reason for a group of their own."""

RADIUS = SAME / 2**0.5
"""How far the members of such a group lie from its centre; being nearer yet earns no merit."""

WORTH_SPLITTING = 0.2
"""The silhouette from which more than one group is better than one."""


def group(
    vectors: NDArray[np.float32],
    weights: NDArray[np.float32],
    *,
    max_groups: int,
    seed: int,
    threads: int,
) -> NDArray[np.int64]:
    """A group number for each row, counted from 0 without gaps.

    vectors: (n, dimension), rows of length 1; weights: (n,), how often each occurs. The number of
    groups, up to ``max_groups``, is the one with the best silhouette (Rousseeuw 1987, in the
    simplified form that measures to centres), where distances under ``RADIUS`` count as that.
    """
    starts = _spread(vectors, weights, max_groups)
    best, best_merit = np.zeros(len(vectors), dtype=np.int64), WORTH_SPLITTING
    with _threads(threads):
        for count in range(2, len(starts) + 1):
            centres = _kmeans(vectors, weights, vectors[starts[:count]], seed)
            distances = _distances(vectors, centres)
            merit = _silhouette(distances, weights)
            if merit > best_merit:
                best, best_merit = distances.argmin(axis=1), merit
    return np.asarray(np.unique(best, return_inverse=True)[1], dtype=np.int64)


def _spread(
    vectors: NDArray[np.float32], weights: NDArray[np.float32], most: int
) -> NDArray[np.int64]:
    """Rows to start groups from: the heaviest, then each time a heavy one far from all so far."""
    chosen = [int(weights.argmax())]
    nearest = _distances(vectors, vectors[chosen])[:, 0]
    while len(chosen) < most and nearest.max() > SAME:
        merit = np.where(nearest > SAME, np.sqrt(weights) * nearest**2, 0)
        chosen.append(int(merit.argmax()))
        nearest = np.minimum(nearest, _distances(vectors, vectors[chosen[-1:]])[:, 0])
    return np.asarray(chosen, dtype=np.int64)


def _kmeans(
    vectors: NDArray[np.float32],
    weights: NDArray[np.float32],
    starts: NDArray[np.float32],
    seed: int,
) -> NDArray[np.float32]:
    kmeans = faiss.Kmeans(
        vectors.shape[1],
        len(starts),
        niter=10,
        spherical=True,
        seed=seed,
        min_points_per_centroid=1,
        max_points_per_centroid=len(vectors),
    )
    kmeans.train(vectors, weights=weights, init_centroids=starts)
    return np.asarray(kmeans.centroids, dtype=np.float32)


def _distances(vectors: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Euclidean distances between unit vectors, shape (vectors, centres)."""
    return np.asarray(np.sqrt(np.maximum(0, 2 - 2 * vectors @ centres.T)), dtype=np.float32)


def _silhouette(distances: NDArray[np.float32], weights: NDArray[np.float32]) -> float:
    near = np.maximum(np.partition(distances, 1, axis=1)[:, :2], RADIUS)
    return float(np.average((near[:, 1] - near[:, 0]) / near[:, 1], weights=weights))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
