"""Turn diagnoses into the embedding that tells them apart best, and into the reason why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from harness.types import Diagnosis
from harness_faiss.embedding import Embedding, LexicalEmbedding

NAMED = 0.8
"""Kinds tell mistakes apart if at least this share of the failures has one that comes again."""

FEW = 30
"""Fewer failures than this say nothing about which embedding is better."""


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An embedding and, in words, why it was taken."""

    embedding: Embedding
    why: str


class Chooser:
    """Gives the embedding that is ``fixed``; without one the diagnoses decide.

    ``sentences`` makes a sentence model, None where there is none. Where the kinds come again (a
    judge by rules, or one that keeps to names), words serve: kinds are compared to the letter, and
    explanations from templates look all alike to a sentence model. Where they do not, both are
    tried and that with the greater merit is taken.
    """

    def __init__(
        self, fixed: Embedding | None = None, sentences: Callable[[], Embedding | None] = _nothing
    ) -> None:
        self.fixed = fixed
        self._sentences = cache(sentences)

    def choose(self, diagnoses: Sequence[Diagnosis], merit: Callable[[Embedding], float]) -> Choice:
        """``merit``: how well an embedding's groups stand apart; asked only where it decides."""
        if self.fixed is not None:
            return Choice(embedding=self.fixed, why="it is configured")
        words = LexicalEmbedding()
        if len(diagnoses) < FEW:
            return Choice(embedding=words, why=f"there are fewer than {FEW} failures")
        kinds, share = recurring(diagnoses)
        recur = "1 mistake kind recurs" if kinds == 1 else f"{kinds} mistake kinds recur"
        evidence = f"{recur}, in {100 * share:.0f}% of the failures"
        if kinds > 1 and share >= NAMED:
            return Choice(embedding=words, why=evidence)
        sentences = self._sentences()
        if sentences is None:
            return Choice(embedding=words, why=f"{evidence}, and no sentence model is installed")
        by_words, by_sentences = merit(words), merit(sentences)
        chosen = sentences if by_sentences > by_words else words
        compared = f"merit is {by_words:.2f} by words, {by_sentences:.2f} by sentences"
        return Choice(embedding=chosen, why=f"{evidence}, and {compared}")


def recurring(diagnoses: Sequence[Diagnosis]) -> tuple[int, float]:
    """How many kinds two failures or more have, and the share of the failures with such a kind."""
    counts = Counter(d.kind for d in diagnoses)
    again = [count for kind, count in counts.items() if kind and count > 1]
    return len(again), sum(again) / len(diagnoses)
