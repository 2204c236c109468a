"""Turn diagnoses into vectors, one for all that look alike, embedded part by part in batches."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import ConfigError
from harness.protocols import Progress
from harness.types import Diagnosis
from harness_faiss.embedding import Embedding, unit, words

Look = tuple[str, str, str]
"""Kind, tool and summary as they are embedded; equal for diagnoses that differ in ids alone."""

Vectors = NDArray[np.float32]

WEIGHTS: Mapping[str, float] = {"kind": 0.6, "tool": 0.1, "summary": 0.3}
"""What each part of a diagnosis contributes to the cosine between two of them; the sum is 1.

Each is taken times the chance that two looks differ in the part, so that the weight of a part in
which nearly all are alike goes to the others. Half of a kind's is for the same kind to the letter,
half for words that are like its.
"""

LETTERS = 64
"""Dimensions in which kinds that are not the same have next to nothing in common."""

LEARNED = 8192
"""At most so many looks are learned from: rarities of words, and directions that matter."""

DIMENSION = 96
"""Directions kept where there are more looks than can be learned from."""

STRANGE = 0.4
"""A look of whose square length less than this is in those directions is like no other."""

BATCH = 4096
"""Looks embedded at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """``vectors``: (looks, dimension), of length about 1; ``unusable``: how many looks the
    embedding had no numbers for: they have no part in any likeness. ``strange``: (looks,), those
    that are mostly made of what the sample did not have.
    """

    vectors: Vectors
    unusable: int
    strange: NDArray[np.bool_]


def look(diagnosis: Diagnosis) -> Look:
    """How a diagnosis is seen: ids, numbers and addresses are all the same."""
    parts = (diagnosis.kind, diagnosis.tool, diagnosis.summary)
    kind, tool, summary = (" ".join(words(part)).replace("<id>", "id") for part in parts)
    return kind, tool, summary


def embed(
    looks: Sequence[Look], embedding: Embedding, *, seed: int = 0, progress: Progress | None = None
) -> Embedded:
    """Vectors whose dot products are the weighted sums of the parts' cosines.

    A last column is for looks without a single word, which are all alike. Above ``LEARNED`` looks,
    only the ``DIMENSION`` principal directions of a seeded sample are kept, so that memory is
    4 * ``DIMENSION`` bytes a look. Raises ``ConfigError`` if no look can be embedded.
    """
    chosen = _chosen(len(looks), seed)
    sample = [looks[row] for row in chosen]
    parts = _Parts(embedding, sample)
    basis = _basis(parts(sample)) if len(looks) > LEARNED else None
    found: list[Vectors] = []
    unusable = 0
    for batch in _batches(looks):
        whole = parts(batch)
        unusable += parts.unusable
        found.append(whole if basis is None else np.asarray(whole @ basis, dtype=np.float32))
        if progress is not None:
            progress(sum(map(len, found)), len(looks))
    if unusable == len(looks):
        raise ConfigError(
            f"{embedding.method}: none of {len(looks)} texts has a finite vector",
            hint="Choose another embedding model: `[options.faiss] model = 'lexical'`.",
        )
    vectors = np.concatenate(found)
    strange = (vectors**2).sum(axis=1) < STRANGE
    return Embedded(vectors=vectors, unusable=unusable, strange=strange)


class _Parts:
    """Embeds looks part by part; each distinct text of a batch once."""

    def __init__(self, embedding: Embedding, sample: Sequence[Look]) -> None:
        varied = [_variety([look[part] for look in sample]) for part in range(len(WEIGHTS))]
        given = [
            weight * variety if any(varied) else weight
            for weight, variety in zip(WEIGHTS.values(), varied, strict=True)
        ]
        self.weights = [weight / sum(given) for weight in given]
        self.maps = [
            embedding.learn(sorted({look[part] for look in sample})) for part in range(len(WEIGHTS))
        ]
        self.unusable = 0

    def __call__(self, looks: Sequence[Look]) -> Vectors:
        blocks = []
        broken = np.zeros(len(looks), dtype=bool)
        for part, (weight, embed) in enumerate(zip(self.weights, self.maps, strict=True)):
            if not weight:
                continue
            texts = sorted({look[part] for look in looks})
            row = {text: index for index, text in enumerate(texts)}
            distinct = embed(texts)
            if part == 0:
                distinct = np.concatenate([distinct, _to_the_letter(texts)], axis=1) * 0.5**0.5
            vectors = distinct[[row[look[part]] for look in looks]]
            broken |= ~np.isfinite(vectors).all(axis=1)
            blocks.append(np.nan_to_num(vectors, nan=0.0, posinf=0.0, neginf=0.0) * weight**0.5)
        whole = np.concatenate(blocks, axis=1)
        whole[broken] = 0
        self.unusable = int(broken.sum())
        wordless = ~whole.any(axis=1, keepdims=True)
        return unit(np.concatenate([whole, wordless.astype(np.float32)], axis=1))


def _variety(texts: Sequence[str]) -> float:
    """The chance that two of the texts, drawn with replacement, differ."""
    return 1.0 - sum((count / len(texts)) ** 2 for count in Counter(texts).values())


def _to_the_letter(texts: Sequence[str]) -> Vectors:
    """A unit vector for each text that depends on nothing but its letters; 0 for none."""
    rows = np.zeros((len(texts), LETTERS), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        if text:
            bits = hashlib.blake2b(text.encode(errors="replace"), digest_size=LETTERS // 8).digest()
            row[:] = np.unpackbits(np.frombuffer(bits, np.uint8)) * 2.0 - 1.0
    return unit(rows)


def _chosen(count: int, seed: int) -> Sequence[int]:
    if count <= LEARNED:
        return range(count)
    return sorted(np.random.default_rng(seed).choice(count, LEARNED, replace=False).tolist())


def _basis(vectors: Vectors) -> Vectors:
    """The directions, shape (dimension, at most ``DIMENSION``), that hold most of the vectors."""
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    return np.asarray(directions[:, ::-1][:, :DIMENSION], dtype=np.float32)


def _batches(looks: Sequence[Look]) -> Iterator[Sequence[Look]]:
    for start in range(0, len(looks), BATCH):
        yield looks[start : start + BATCH]
