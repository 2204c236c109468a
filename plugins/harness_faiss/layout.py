"""Turn grouped vectors into places on a map: like groups near each other, members around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness_faiss.grouping import NOISE, distances

SPREAD = 0.32
"""How far members lie around the middle of their group, in distances between near groups."""

STEPS = 200
"""Rounds in which groups that overlap push each other apart."""


def places(
    vectors: NDArray[np.float32], labels: NDArray[np.int64], centres: NDArray[np.float32]
) -> NDArray[np.float64]:
    """(x, y) of each vector, shape (n, 2), in [0, 1].

    The groups' centres are laid out by classical scaling of their distances (Torgerson 1952) and
    pushed apart where they overlap; the members of a group by the two directions in which they
    differ most. Noise lies between the two groups it is nearest to. So distances between groups
    are only roughly those of the embedding, and sizes of groups mean nothing.
    """
    middles = _apart(_scaled(centres))
    nearest = distances(vectors, centres).argsort(axis=1)[:, :2]
    found = middles[nearest].mean(axis=1)
    for label in range(len(centres)):
        rows = np.flatnonzero(labels == label)
        if len(rows):
            found[rows] = middles[label] + SPREAD * _within(vectors[rows] - centres[label])
    noise = np.flatnonzero(labels == NOISE)
    found[noise] += (
        SPREAD * _within(vectors[noise] - vectors[noise].mean(axis=0)) if len(noise) else 0
    )
    low, high = found.min(axis=0), found.max(axis=0)
    return np.asarray((found - low) / np.where(high > low, high - low, 1))


def _scaled(centres: NDArray[np.float32]) -> NDArray[np.float64]:
    squares = distances(centres, centres).astype(np.float64) ** 2
    middle = np.eye(len(squares)) - 1 / len(squares)
    values, vectors = np.linalg.eigh(-middle @ squares @ middle / 2)
    axes = np.argsort(-values)[:2]
    found = np.zeros((len(squares), 2))
    found[:, : len(axes)] = vectors[:, axes] * np.sqrt(np.maximum(values[axes], 0))
    return found


def _apart(middles: NDArray[np.float64]) -> NDArray[np.float64]:
    """The middles, scaled and moved until no two are nearer than 1."""
    count = len(middles)
    if count < 2:
        return middles
    size = np.abs(middles).max() or 1.0
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    start = middles / size * count**0.5 + 1e-3 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for _ in range(STEPS):
        gaps = start[:, None, :] - start[None, :, :]
        lengths = np.linalg.norm(gaps, axis=2) + np.eye(count) * 9
        push = np.where(lengths < 1, (1 - lengths) / 2, 0.0)
        start = start + (gaps / lengths[..., None] * push[..., None]).sum(axis=1)
    return np.asarray(start)


def _within(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Two coordinates of each member, of length 1 or less."""
    found = np.zeros((len(vectors), 2))
    if 1 < len(vectors) < vectors.shape[1]:  # a small matrix of products has the same axes
        sizes, members = np.linalg.eigh((vectors @ vectors.T).astype(np.float64))
        axes = members[:, ::-1][:, :2] * np.sqrt(np.maximum(sizes[::-1][:2], 0))
        found[:, : axes.shape[1]] = axes
    elif len(vectors) > 1:
        _, directions = np.linalg.eigh((vectors.T @ vectors).astype(np.float64))
        axes = vectors @ directions[:, ::-1][:, :2]
        found[:, : axes.shape[1]] = axes
    return np.asarray(found / max(float(np.linalg.norm(found, axis=1).max(initial=0)), 1e-9))
