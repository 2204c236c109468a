"""Which embedding the diagnoses themselves choose, and the reason that is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.protocols import Settings
from harness.types import Diagnosis
from harness_faiss.choice import FEW, Chooser, recurring
from harness_faiss.clusterer import FaissClusterer, Options, faiss_clusterer
from harness_faiss.embedding import Embed, Embedding, LexicalEmbedding

RULES = ("wrong_item", "wrong_order", "missing_step")
STORIES = ("the parcel never came", "charged twice for one thing", "turned away for no reason")


def told(count: int, kinds: Sequence[str], *, own: int = 0) -> list[Diagnosis]:
    """Failures with the kinds in turn; ``own`` more have a kind of their own each."""
    named = [kinds[n % len(kinds)] for n in range(count)]
    return [
        Diagnosis(
            trajectory_id=f"t{n}", task_id=f"t{n}", blame="agent", kind=kind, turn=0,
            summary=STORIES[n % len(STORIES)],
        )
        for n, kind in enumerate([*named, *(f"odd_{n}_{n * n}" for n in range(own))])
    ]  # fmt: skip


class ByFirstWord:
    """Stands for a sentence model: texts with the same first word are the same."""

    method = "first words"
    version = "0"

    def learn(self, texts: Sequence[str]) -> Embed:
        return self._embed

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        places = [hash_of((text.split() or [""])[0]) for text in texts]
        return np.eye(16, dtype=np.float32)[places]


def hash_of(word: str) -> int:
    return sum(map(ord, word)) % 16


def never(embedding: Embedding) -> float:
    raise AssertionError(f"{embedding.method} was tried")


def test_kinds_that_come_again_are_read_by_words_without_a_look_at_the_sentence_model() -> None:
    choice = Chooser(sentences=lambda: pytest.fail("was loaded")).choose(told(60, RULES), never)
    assert isinstance(choice.embedding, LexicalEmbedding)
    assert choice.why == "3 mistake kinds recur, in 100% of the failures"


def test_a_few_kinds_of_their_own_change_nothing_and_many_do() -> None:
    assert recurring(told(90, RULES, own=10)) == (3, 0.9)
    Chooser(sentences=lambda: pytest.fail("was loaded")).choose(told(90, RULES, own=10), never)
    tried: list[str] = []

    def merit(embedding: Embedding) -> float:
        tried.append(embedding.method)
        return 0.5

    Chooser(sentences=ByFirstWord).choose(told(50, RULES, own=50), merit)
    assert tried == [LexicalEmbedding.method, "first words"]


@pytest.mark.parametrize(("words", "sentences"), [(0.3, 0.4), (0.4, 0.3)])
def test_without_kinds_the_greater_merit_is_taken(words: float, sentences: float) -> None:
    merits = {LexicalEmbedding.method: words, "first words": sentences}
    choice = Chooser(sentences=ByFirstWord).choose(
        told(60, ["other"]), lambda embedding: merits[embedding.method]
    )
    assert (choice.embedding.method == "first words") == (sentences > words)
    assert f"merit is {words:.2f} by words, {sentences:.2f} by sentences" in choice.why


def test_without_a_sentence_model_words_serve_and_say_so() -> None:
    choice = Chooser().choose(told(60, ["other"]), never)
    assert isinstance(choice.embedding, LexicalEmbedding)
    assert "no sentence model is installed" in choice.why


def test_few_failures_are_read_by_words() -> None:
    choice = Chooser(sentences=ByFirstWord).choose(told(FEW - 1, ["other"]), never)
    assert choice.why == f"there are fewer than {FEW} failures"


def test_what_was_chosen_is_in_the_method_and_in_the_quality() -> None:
    clusterer = FaissClusterer(Options(), Chooser(sentences=ByFirstWord), seed=0)
    assert clusterer.method.endswith("on what suits the failures")
    patterns = clusterer.cluster(told(60, ["other"]), [])
    quality = clusterer.survey().quality
    assert clusterer.method.endswith(str(quality["embedding"]))
    assert "1 mistake kind recurs" in str(quality["embedding_chosen_by"])
    assert sorted(len(pattern.members) for pattern in patterns) == [20, 20, 20]


class AllAlike:
    """Stands for a sentence model that tells nothing apart but strays, each from all others."""

    method = "all alike"
    version = "0"

    def learn(self, texts: Sequence[str]) -> Embed:
        return self._embed

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        places = [1 + text.count("x") if text.startswith("stray") else 0 for text in texts]
        return np.eye(32, dtype=np.float32)[places]


def test_an_embedding_that_puts_all_into_one_pattern_is_not_taken() -> None:
    given = told(90, ["other"])
    strays = [
        replace(d, trajectory_id=f"s{n}", kind="other", summary=f"stray {'x' * n}")
        for n, d in enumerate(given[:30])
    ]
    clusterer = FaissClusterer(Options(), Chooser(sentences=AllAlike), seed=0)
    clusterer.cluster([*given, *strays], [])
    quality = clusterer.survey().quality
    assert "0.00 by sentences" in str(quality["embedding_chosen_by"])
    assert quality["embedding"] == LexicalEmbedding.method


def test_a_configured_model_is_taken_whatever_the_kinds() -> None:
    clusterer = faiss_clusterer(Settings(options={"model": "lexical"}))
    assert isinstance(clusterer, FaissClusterer)
    clusterer.cluster(told(60, ["other"]), [])
    assert clusterer.survey().quality["embedding_chosen_by"] == "it is configured"
