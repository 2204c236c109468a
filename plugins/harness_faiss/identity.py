"""Turn this round's patterns into ones that keep the ids they had in earlier rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.types import ErrorPattern, stable_id
from harness_faiss.embedding import Embedding, unit, words
from harness_faiss.vectors import Look, embed

ALIKE = 0.7
"""How alike two patterns must be, as a cosine, to be the same one.

The same mistake with other tools and other words has at least the 0.6 of its kind; two mistakes
with tools and words alike have at most the 0.4 of these and what their names share. In between.
"""


def keep_ids(
    patterns: Sequence[ErrorPattern], previous: Sequence[ErrorPattern], embedding: Embedding
) -> list[ErrorPattern]:
    """The patterns with ids: that of the likest previous one, pair by pair from the likest pair on.

    A pattern like none before gets an id made from its name. No two share an id.
    """
    likeness = likenesses(patterns, previous, embedding)
    pairs = sorted(
        (-likeness[index, age], index, -age)
        for index in range(len(patterns))
        for age in range(len(previous))
    )
    ids: dict[int, str] = {}
    for distance, index, age in pairs:
        old_id = previous[-age].id
        if -distance >= ALIKE and index not in ids and old_id not in ids.values():
            ids[index] = old_id
    taken = {*ids.values(), *(old.id for old in previous)}
    for index, pattern in enumerate(patterns):
        if index not in ids:
            ids[index] = _new_id(pattern, taken)
            taken.add(ids[index])
    return [replace(pattern, id=ids[index]) for index, pattern in enumerate(patterns)]


def likenesses(
    first: Sequence[ErrorPattern], second: Sequence[ErrorPattern], embedding: Embedding
) -> NDArray[np.float32]:
    """Cosines between the patterns' centres, shape (first, second), from -1 to 1.

    A centre is the mean over the kinds of all members, in proportion, and over the explanations
    that were kept as typical; both sides are embedded together.
    """
    looks = [_looks(pattern) for pattern in (*first, *second)]
    if not first or not second:
        return np.zeros((len(first), len(second)), dtype=np.float32)
    distinct = sorted({one for weighted in looks for one in weighted})
    row = {one: index for index, one in enumerate(distinct)}
    vectors = embed(distinct, embedding).vectors
    centres = unit(
        np.stack(
            [
                np.average(
                    vectors[[row[o] for o in weighted]], axis=0, weights=[*weighted.values()]
                )
                for weighted in looks
            ]
        ).astype(np.float32)
    )
    return np.asarray(centres[: len(first)] @ centres[len(first) :].T, dtype=np.float32)


def _looks(pattern: ErrorPattern) -> dict[Look, float]:
    """What stands for a pattern, with weights: each kind with each of the typical explanations."""
    typical = [text.split("\t") for text in pattern.typical] or [["", "", pattern.name]]
    found: dict[Look, float] = {}
    for kind, count in (pattern.kinds or {pattern.name: 1}).items():
        for parts in typical:
            tool, summary = (" ".join(words(part)) for part in [*parts, "", ""][1:3])
            look = (" ".join(words(kind)), tool, summary)
            found[look] = found.get(look, 0.0) + count / len(typical)
    return found


def _new_id(pattern: ErrorPattern, taken: set[str]) -> str:
    salt = 0
    while (candidate := stable_id("error pattern", pattern.name, salt)) in taken:
        salt += 1
    return candidate
