"""Turn this round's patterns into ones that keep the ids they had in earlier rounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.types import ErrorPattern, stable_id
from harness_faiss.embedding import words

ALIKE = 0.6
"""How alike two patterns must be, from 0 to 1, to be the same one."""

KINDS_COUNT = 0.7
"""The part of the likeness that is decided by the kinds of mistake; the name decides the rest."""


def keep_ids(
    patterns: Sequence[ErrorPattern], previous: Sequence[ErrorPattern]
) -> list[ErrorPattern]:
    """The patterns with ids: that of the likest previous one, pair by pair from the likest pair on.

    A pattern like none before gets an id made from its name. No two share an id.
    """
    pairs = sorted(
        (
            (-likeness(pattern, old), index, age)
            for index, pattern in enumerate(patterns)
            for age, old in enumerate(reversed(previous))
        ),
    )
    ids: dict[int, str] = {}
    for distance, index, age in pairs:
        old_id = previous[len(previous) - 1 - age].id
        if -distance >= ALIKE and index not in ids and old_id not in ids.values():
            ids[index] = old_id
    taken = {*ids.values(), *(old.id for old in previous)}
    for index, pattern in enumerate(patterns):
        if index not in ids:
            ids[index] = _new_id(pattern, taken)
            taken.add(ids[index])
    return [replace(pattern, id=ids[index]) for index, pattern in enumerate(patterns)]


def likeness(first: ErrorPattern, second: ErrorPattern) -> float:
    """From 0 to 1: how alike the mix of kinds (cosine) and the names (shared words) are."""
    kinds = _cosine(first.kinds, second.kinds)
    a, b = set(words(first.name)), set(words(second.name))
    names = len(a & b) / len(a | b) if a | b else 0.0
    return KINDS_COUNT * kinds + (1 - KINDS_COUNT) * names


def _cosine(first: Mapping[str, int], second: Mapping[str, int]) -> float:
    dot = sum(count * second.get(kind, 0) for kind, count in first.items())
    lengths = math.hypot(*first.values()) * math.hypot(*second.values())
    return dot / lengths if lengths else 0.0


def _new_id(pattern: ErrorPattern, taken: set[str]) -> str:
    salt = 0
    while (candidate := stable_id("error pattern", pattern.name, salt)) in taken:
        salt += 1
    return candidate
