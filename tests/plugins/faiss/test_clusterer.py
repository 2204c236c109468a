import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ConfigError, MissingExtra, NothingToLearn
from harness.protocols import Clusterer, Settings
from harness.types import Diagnosis, ErrorPattern, Json
from harness_faiss import clusterer as clusterer_module
from harness_faiss import harness_clusterers, neighbours
from harness_faiss.clusterer import faiss_clusterer

STORIES = {
    "wrong_order": ("cancel_order", "Order #W{a} was cancelled; the user meant #W{b}."),
    "wrong_item": ("exchange_items", "Item {a} was chosen though {b} has the wanted colour."),
    "missing_step": ("return_items", "The return of order #W{a} was promised and never made."),
    "repeated_call": ("get_order", "The details of #W{a} were fetched over and over."),
    "should_have_refused": ("modify_address", "Order #W{a} had shipped; that must be refused."),
}


def diagnosis(number: int, kind: str, *, summary: str | None = None, tool: str = "") -> Diagnosis:
    of_kind, story = STORIES.get(kind, (tool, "It went wrong with #W{a}."))
    return Diagnosis(
        trajectory_id=f"trajectory-{number}",
        task_id=f"task-{number}",
        blame="agent",
        kind=kind,
        turn=1,
        summary=story.format(a=1000 + number, b=5000 + number) if summary is None else summary,
        tool=tool or of_kind,
    )


def failures(**counts: int) -> list[Diagnosis]:
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    return [diagnosis(number, kind) for number, kind in enumerate(kinds)]


def clusterer(seed: int = 0, **options: Json) -> Clusterer:
    return faiss_clusterer(Settings(options={"model": "lexical", **options}, seed=seed))


def patterns(
    diagnoses: Sequence[Diagnosis], previous: Sequence[ErrorPattern] = (), **options: Json
) -> list[ErrorPattern]:
    return list(clusterer(**options).cluster(diagnoses, previous))


def test_failures_of_one_kind_are_one_pattern_by_falling_share() -> None:
    found = patterns(failures(missing_step=4, wrong_order=20, repeated_call=9, wrong_item=7))
    assert [(p.name, p.share) for p in found] == [
        ("wrong order", 0.5),
        ("repeated call", 9 / 40),
        ("wrong item", 7 / 40),
        ("missing step", 0.1),
    ]
    assert dict(found[0].kinds) == {"wrong_order": 20}
    assert found[0].members == tuple(f"trajectory-{n}" for n in range(4, 24))
    assert set(found[0].exemplars) <= set(found[0].members)
    assert len(found[0].exemplars) == 3


def test_a_description_counts_and_gives_an_example() -> None:
    (found,) = patterns(failures(wrong_order=3))
    assert found.description.startswith("3 of 3 failures: wrong order, mostly with cancel_order")
    assert "e.g. Order #W10" in found.description


def test_noise_still_counts_in_the_shares() -> None:
    found = patterns(failures(wrong_order=6, wrong_item=3, missing_step=1))
    assert [(p.name, p.share) for p in found] == [("wrong order", 0.6), ("wrong item", 0.3)]


def test_where_every_failure_is_alone_none_is_noise() -> None:
    found = patterns(failures(wrong_order=1, wrong_item=1, missing_step=1))
    assert sum(p.share for p in found) == pytest.approx(1)


def test_one_failure_is_one_pattern() -> None:
    (found,) = patterns(failures(missing_step=1))
    assert (found.share, found.name) == (1.0, "missing step")


def test_identical_failures_are_one_pattern() -> None:
    same = [replace(d, summary="The same.") for d in failures(wrong_order=50)]
    assert [p.share for p in patterns(same)] == [1.0]


def test_no_failure_at_all_is_said_with_a_hint() -> None:
    with pytest.raises(NothingToLearn) as nothing:
        patterns([])
    assert nothing.value.hint


def test_the_outcome_depends_on_the_diagnoses_not_on_their_order() -> None:
    given_ones = failures(wrong_order=9, wrong_item=8, missing_step=7)
    shuffled = random.Random(3).sample(given_ones, k=len(given_ones))
    straight, mixed = patterns(given_ones), patterns(shuffled)
    assert [(p.id, p.name, p.share, p.exemplars) for p in straight] == [
        (p.id, p.name, p.share, p.exemplars) for p in mixed
    ]
    assert [set(p.members) for p in straight] == [set(p.members) for p in mixed]


def test_a_pattern_keeps_its_id_in_the_next_round() -> None:
    first = patterns(failures(wrong_order=20, wrong_item=10, missing_step=5))
    second = patterns(failures(missing_step=15, repeated_call=9, wrong_order=4), first)
    ids = {p.name: p.id for p in first}
    again = {p.name: p.id for p in second}
    assert again["wrong order"] == ids["wrong order"]
    assert again["missing step"] == ids["missing step"]
    assert again["repeated call"] not in ids.values()


def test_a_pattern_that_comes_back_gets_its_old_id_whatever_it_is_called_now() -> None:
    (old,) = patterns(failures(wrong_order=5))
    renamed = replace(old, id="kept", name="picks another order")
    (now,) = patterns(failures(wrong_order=5), [renamed])
    assert now.id == "kept"


def test_two_patterns_never_share_an_id() -> None:
    first = patterns(failures(wrong_order=5))
    one_tool = [diagnosis(n, "wrong_order", tool="cancel_order") for n in range(9)]
    story = "Address, zip and country were mixed up with those of the profile."
    other = [
        diagnosis(n, "wrong_address_order", tool="modify_address", summary=story)
        for n in range(9, 18)
    ]
    found = patterns([*one_tool, *other], [*first, *first])
    assert len(found) == 2
    assert len({p.id for p in found}) == 2


def test_a_new_pattern_does_not_take_the_id_of_a_pattern_that_is_gone() -> None:
    (old,) = patterns(failures(wrong_order=5))
    unlike = replace(old, name="something else", kinds={"other": 5})
    (new,) = patterns(failures(wrong_order=5), [unlike])
    assert new.id != old.id


def test_kinds_that_differ_in_words_only_fall_together() -> None:
    spelt = ["wrong_order", "order_wrong", "wrong_order_chosen"]
    story = "The order that was changed is not the one the user asked for."
    same = [diagnosis(n, spelt[n % 3], summary=story, tool="cancel_order") for n in range(12)]
    far = [diagnosis(n, "repeated_call") for n in range(12, 24)]
    assert len(patterns([*same, *far])) == 2


def test_names_tell_patterns_of_one_kind_apart() -> None:
    from harness_faiss.naming import name_groups

    def group(tool: str, summary: str) -> list[Diagnosis]:
        return [diagnosis(0, "wrong_order", tool=tool, summary=summary)]

    assert name_groups([group("cancel", "a"), group("return", "b"), failures(missing_step=1)]) == [
        "wrong order: cancel",
        "wrong order: return",
        "missing step",
    ]
    assert name_groups([group("x", "the blue lamp"), group("x", "the red chair")]) == [
        "wrong order: x: blue lamp",
        "wrong order: x: chair red",
    ]
    nothing = [replace(diagnosis(0, "wrong_order", summary=""), tool="")]
    assert name_groups([nothing, nothing]) == ["wrong order", "wrong order (2)"]


def test_there_are_no_more_patterns_than_asked_for() -> None:
    many = [diagnosis(n, f"{chr(97 + n % 20) * 5}_kind", summary="") for n in range(200)]
    assert len(patterns(many, max_patterns=4)) <= 4


@pytest.mark.parametrize(
    "summary",
    ["", "   ", "¿?", "订单已取消，用户想要另一个订单。", "Заказ отменён", "x" * 200_000,
     "a-" * 90_000, "\ud800"],
)  # fmt: skip
def test_any_text_will_do(summary: str) -> None:
    odd = [diagnosis(n, "wrong_order", summary=summary) for n in range(5)]
    found = patterns([*odd, *failures(missing_step=0)])
    assert [p.share for p in found] == [1.0]
    assert len(found[0].description) < 600


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=30)), min_size=1, max_size=30))
def test_patterns_are_disjoint_parts_of_what_was_given(texts: list[tuple[str, str]]) -> None:
    given_ones = [
        replace(diagnosis(n, kind), summary=summary, tool="")
        for n, (kind, summary) in enumerate(texts)
    ]
    found = patterns(given_ones)
    members = [member for p in found for member in p.members]
    assert found
    assert len(set(members)) == len(members) <= len(texts)
    assert len({p.id for p in found}) == len({p.name for p in found}) == len(found)


MOST_CALLS = 300
"""Of Python functions, for one failure."""


def test_work_grows_no_faster_than_the_number_of_failures() -> None:
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefghij", k=6)) for _ in range(2000)]
    kinds = list(STORIES)
    many = [
        diagnosis(n, kinds[n % 5], summary=" ".join(rng.choices(words, k=15)))
        for n in range(10_000)
    ]
    calls = 0

    def count(frame: object, event: str, about: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        found = patterns(many)
    finally:
        sys.setprofile(None)
    assert 0 < calls < MOST_CALLS * len(many)
    assert sorted(p.share for p in found) == [0.2] * 5


@pytest.mark.parametrize("option", ["max_patterns", "min_size", "exemplars", "threads"])
def test_numbers_below_one_are_refused(option: str) -> None:
    with pytest.raises(
        ConfigError, match=f"option of faiss {option!r}: .* greater than or equal to 1"
    ):
        clusterer(**{option: 0})


def test_the_method_says_how_texts_were_embedded() -> None:
    assert (
        clusterer().method
        == "FAISS k-means and average linkage on hashed TF-IDF of words and word pairs"
    )


def test_faiss_has_its_threads_back_afterwards() -> None:
    import faiss

    faiss.omp_set_num_threads(2)
    patterns(failures(wrong_order=5, wrong_item=5))
    assert faiss.omp_get_max_threads() == 2
    faiss.omp_set_num_threads(1)


def test_neighbours_are_looked_for_with_no_more_threads_than_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import faiss

    used: list[int] = []

    def crowded(*given: Any, **more: Any) -> Any:
        used.append(faiss.omp_get_max_threads())
        return neighbours.crowded(*given, **more)

    monkeypatch.setattr(clusterer_module, "crowded", crowded)
    faiss.omp_set_num_threads(2)
    patterns(failures(wrong_order=5, wrong_item=5))
    faiss.omp_set_num_threads(1)
    assert used == [1]


def test_without_faiss_the_install_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [m for m in sys.modules if m.startswith("harness_faiss.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtra, match="faiss-cpu") as missing:
        harness_clusterers()["faiss"](Settings())
    assert "errata-harness[embed]" in missing.value.hint
