"""Turn vectors into how many others each has close by: exactly, or by an inverted file if many."""

from __future__ import annotations

import faiss
import numpy as np
from numpy.typing import NDArray

EXACT = 100_000
"""Up to so many vectors every pair is compared; above, only those in near cells (FAISS IVF)."""

CELLS = 4096
PROBED = 8
TRAINED = 40
"""IVF: cells, cells looked into for each vector, and vectors a cell is trained on."""


def crowded(
    vectors: NDArray[np.float32],
    weights: NDArray[np.float32],
    *,
    radius: float,
    least: float,
    seed: int,
) -> NDArray[np.bool_]:
    """Whether each vector has at least ``least`` weight within the radius, its own included.

    vectors: (n, dimension), float32; weights: (n,). Above ``EXACT`` vectors a neighbour in a cell
    that is not looked into is missed: a few more are then called lonely.
    """
    wanted = int(np.ceil(least))
    enough = weights >= least
    lonely = np.flatnonzero(~enough)
    if not len(lonely):
        return enough
    index = _index(vectors, seed)
    squares, found = index.search(np.ascontiguousarray(vectors[lonely]), min(wanted, len(vectors)))
    close = (squares <= radius**2 + 1e-6) & (found >= 0)
    enough[lonely] = (weights[found] * close).sum(axis=1) >= least
    return enough


def how(count: int) -> str:
    """The kind of search for so many vectors, for the record."""
    return "exact" if count <= EXACT else f"IVF {CELLS}, {PROBED} cells probed"


def _index(vectors: NDArray[np.float32], seed: int) -> faiss.Index:
    count, dimension = vectors.shape
    flat = faiss.IndexFlatL2(dimension)
    if count <= EXACT:
        flat.add(np.ascontiguousarray(vectors))
        return flat
    index = faiss.IndexIVFFlat(flat, dimension, CELLS, faiss.METRIC_L2)
    index.cp.seed, index.cp.niter = seed, 5
    chosen = np.random.default_rng(seed).choice(count, min(count, CELLS * TRAINED), replace=False)
    index.train(np.ascontiguousarray(vectors[np.sort(chosen)]))
    index.nprobe = PROBED
    index.add(vectors)
    return index
