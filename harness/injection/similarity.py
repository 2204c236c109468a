"""Turn what a task's customer says into a vector, to find tasks that say nearly the same.

A cheap lexical embedding: hashed words, pairs and triples of words, weighted by how rare they are
(tf-idf), of length 1. The cosine of two is 1 for the same words and near 0 for other subjects.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.injection.term_vectors import HashedTerms
from harness.types import Json, Task

DIMENSIONS = 2048
LONGEST = 3
"""Words in the longest run of words that is looked at."""

Vector = NDArray[np.float32]

_WORD = re.compile(r"[^\W_]+")
_LOOKALIKES = str.maketrans("аеіорсухѕј", "aeiopcyxsj")
"""Cyrillic letters that pass for Latin ones."""


@dataclass(frozen=True, slots=True)
class Like:
    """The most alike of the known tasks: its id ("" if none is known) and the cosine."""

    task_id: str = ""
    cosine: float = 0.0


class Likeness:
    """Known tasks by what is said in them; words are as rare as among the ``reference`` tasks."""

    def __init__(self, reference: Sequence[Task]) -> None:
        sample = (_runs(words_of(task)) for task in reference)
        self._terms = HashedTerms(sample, dimension=DIMENSIONS, rarity=_rarity)
        self._ids: list[str] = []
        self._vectors = np.zeros((64, DIMENSIONS), dtype=np.float32)

    def vector(self, task: Task) -> Vector:
        """Shape (DIMENSIONS,), of length 1, or 0 where nothing is said."""
        return self._terms.vector(_runs(words_of(task)))

    def add(self, task_id: str, vector: Vector) -> None:
        if len(self._ids) == len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
        self._vectors[len(self._ids)] = vector
        self._ids.append(task_id)

    def forget(self, task_id: str) -> None:
        """Take a task out again. Raises ``ValueError`` if it is not known."""
        place = self._ids.index(task_id)
        last = self._ids.pop()
        if place < len(self._ids):
            self._ids[place] = last
            self._vectors[place] = self._vectors[len(self._ids)]

    def nearest(self, vector: Vector) -> Like:
        if not self._ids:
            return Like()
        cosines = self._vectors[: len(self._ids)] @ vector
        best = int(cosines.argmax())
        return Like(self._ids[best], float(cosines[best]))


def words_of(task: Task) -> list[str]:
    """The words that tell a task from others, in the order in which they are said.

    Case, accents, punctuation and letters that only look Latin make no difference, nor does who the
    customer is. Of several wordings the first counts; prose counts where there are no requests.
    """
    who = [_plain(text) for fact in task.scenario.identity for text in fact.says]
    texts = (_without(_plain(text), who) for text in _said(task))
    return [word for text in texts for word in _WORD.findall(text)]


def leaves_of(task: Task) -> frozenset[str]:
    """Each argument value of the gold calls, with the names of its tool and argument."""
    return frozenset(
        f"{call.name}.{name}={leaf}"
        for call in task.gold
        for name, value in call.arguments.items()
        for leaf in leaves(value)
    )


def leaves(value: Json) -> Iterator[str]:
    """The single values in a JSON value, as text."""
    parts = value.values() if isinstance(value, Mapping) else value
    if isinstance(value, list | Mapping):
        for part in parts:  # type: ignore[union-attr]
            yield from leaves(part)
    else:
        yield str(value)


def overlap(some: frozenset[str], others: frozenset[str]) -> float:
    """The Jaccard index of two sets, in [0, 1]; 0 for two empty ones."""
    return len(some & others) / len(some | others) if some or others else 0.0


def _said(task: Task) -> Iterator[str]:
    scenario = task.scenario
    for request in sorted(scenario.requests, key=lambda request: request.kind):
        yield from request.says[:1]
        for fact in request.facts:
            if not fact.volunteered:
                yield from fact.says[:1]
        if request.revision is not None:
            yield from request.revision.says[:1]
    if not scenario.requests:
        yield from (scenario.reason, scenario.instructions)


def _without(text: str, parts: Iterable[str]) -> str:
    for part in parts:
        text = text.replace(part, " ")
    return text


def _plain(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text).casefold().translate(_LOOKALIKES)
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def _rarity(tasks: int, with_it: int) -> float:
    """0 for what every task says."""
    return math.log((tasks + 1) / (with_it + 0.5))


def _runs(words: Sequence[str]) -> Iterator[str]:
    for length in range(1, LONGEST + 1):
        for start in range(len(words) - length + 1):
            yield " ".join(words[start : start + length])
