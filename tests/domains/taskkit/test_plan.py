"""Plans of tasks for a domain of which the planner knows nothing but its mix."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from harness.errors import ConfigError
from harness.types import Recipe
from harness_taskkit.plan import Mix, Planner

MIX = Mix(
    domain="ferry",
    names=frozenset({"book", "move", "paint", "refuse_late", "ask", "hidden", "twice", "amount"}),
    writes={"book": 3, "move": 2, "paint": 1},
    dead_ends={"refuse_late": 1},
    question="ask",
    recordless=frozenset({"paint"}),
    supports={"hidden": ("book", "ask"), "twice": ("book",), "amount": ("book",)},
    wishes={"hidden": 0.5},
    clashes=(frozenset({"hidden", "twice"}),),
    again="twice",
    first="move",
    counts={1: 1, 2: 1},
    counts_with={"ask": {1: 1}},
    dead_end=0.1,
    questions=0.1,
    failing_lookup=0.1,
    twice=0.3,
    amount=0.3,
)
PLANNER = Planner(MIX)


def test_a_required_feature_is_in_every_plan() -> None:
    recipe = Recipe(required=("hidden",))
    for seed in range(30):
        plan = PLANNER.plan(recipe, Random(seed))
        assert any("hidden" in slot.must for slot in plan.slots)
        assert all(slot.kind in MIX.supports["hidden"] for slot in plan.slots if slot.must)


def test_plain_plans_avoid_what_comes_unasked_unless_it_is_required() -> None:
    planner = Planner(replace(MIX, unasked={"hidden": 1.0}))
    plain = [planner.plan(Recipe(plain=True), Random(seed)) for seed in range(10)]
    assert all(plan.avoided == {"hidden"} for plan in plain)
    assert not planner.plan(Recipe(), Random(1)).avoided
    asked = planner.plan(Recipe(plain=True, required=("hidden",), without=("amount",)), Random(1))
    assert asked.avoided == {"amount"}


def test_other_plans_avoid_what_comes_unasked_in_a_share_of_tasks_where_nobody_wishes_it() -> None:
    planner = Planner(replace(MIX, unasked={"hidden": 0.0}))
    plans = [planner.plan(Recipe(), Random(seed)) for seed in range(30)]
    wished = ["hidden" in {name for slot in plan.slots for name in slot.wishes} for plan in plans]
    assert True in wished
    assert [plan.avoided == {"hidden"} for plan in plans] == [not has for has in wished]


def test_a_feature_of_questions_alone_makes_one() -> None:
    mix = replace(MIX, supports={**MIX.supports, "hidden": ("ask",)})
    plan = Planner(mix).plan(Recipe(required=("hidden",), requests=1), Random(2))
    assert [(slot.kind, slot.must) for slot in plan.slots] == [("ask", {"hidden"})]


def test_a_second_change_comes_after_the_first_one_to_its_record() -> None:
    for seed in range(30):
        plan = PLANNER.plan(Recipe(required=("twice",)), Random(seed))
        kinds = [slot.kind for slot in plan.slots]
        second = next(n for n, slot in enumerate(plan.slots) if "twice" in slot.must)
        assert "move" in kinds[:second]


def test_each_second_change_can_follow_a_first_one_of_its_own() -> None:
    supports = {**MIX.supports, "twice": ("book", "paint")}
    mix = replace(MIX, supports=supports, first={"book": "move", "paint": "book"})
    for seed in range(30):
        plan = Planner(mix).plan(Recipe(required=("paint", "twice")), Random(seed))
        kinds = [slot.kind for slot in plan.slots]
        assert "book" in kinds[: next(n for n, s in enumerate(plan.slots) if "twice" in s.must)]


def test_kinds_that_end_the_conversation_come_last() -> None:
    mix = replace(MIX, last=frozenset({"refuse_late"}))
    for seed in range(30):
        recipe = Recipe(required=("refuse_late", "book", "move"))
        assert Planner(mix).plan(recipe, Random(seed)).slots[-1].kind == "refuse_late"


def test_a_feature_of_dead_ends_alone_brings_one() -> None:
    mix = replace(MIX, supports={**MIX.supports, "paint": ("refuse_late",)})
    mix = replace(mix, writes={"book": 3, "move": 2}, recordless=frozenset())
    plan = Planner(mix).plan(Recipe(required=("paint",)), Random(1))
    assert any(slot.kind == "refuse_late" and "paint" in slot.must for slot in plan.slots)


def test_the_kinds_about_a_record_leave_out_those_that_are_about_none() -> None:
    assert sorted(PLANNER.draw_kinds(Random(0))) == ["book", "move"]


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (Recipe(required=("fly",)), "ferry has no feature 'fly'"),
        (Recipe(without=("fly",)), "ferry has no feature 'fly'"),
        (Recipe(required=("hidden", "twice")), "no task of ferry can have all"),
        (Recipe(required=("twice",), weights={"hidden": 1.0}), "no task of ferry can have all"),
    ],
)
def test_what_no_task_can_be_is_refused_at_once(recipe: Recipe, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        PLANNER.check(recipe)
