"""Harder forms of a task, and all the outcomes that its words leave open."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import islice

import pytest

from harness.evaluation.rollout import rollout
from harness.protocols import RolloutJob, RolloutSetup, Settings
from harness.types import Changes, Recipe, Task
from harness_retail.database import shop_of
from harness_retail.domain import RetailDomain
from harness_retail.solve import caller, look_ups
from harness_scripted.expert import oracle
from harness_scripted.user import scripted_user

DOMAIN = RetailDomain()
TASKS = list(islice(DOMAIN.generate(31, Recipe()), 150))


def outcomes(task: Task) -> list[Changes]:
    """What each reading of a task changes; first of all what its gold does."""
    found = []
    for calls in (task.gold, *DOMAIN.readings(task)):
        world = DOMAIN.open(task)
        for call in calls:
            world.call(call)
        found.append(world.changes())
    return found


def twisted(twist: str) -> list[tuple[Task, Task]]:
    pairs = [(task, DOMAIN.weave(task, twist, 3)) for task in TASKS]
    return [(task, woven) for task, woven in pairs if woven is not None]


@pytest.mark.parametrize("twist", DOMAIN.twists)
def test_a_twist_wants_the_same_leaves_one_outcome_and_can_be_done(twist: str) -> None:
    pairs = twisted(twist)
    assert len(pairs) >= 30
    for task, woven in pairs:
        assert woven.gold == task.gold
        assert woven.id != task.id
        assert set(task.tags) <= set(woven.tags)
        gold, *read = outcomes(woven)
        assert read == [gold]
        assert DOMAIN.solve(woven) is not None
    setup = RolloutSetup(domain=DOMAIN, user=scripted_user(Settings()))
    for _, woven in pairs[:15]:
        job = RolloutJob(task=woven, trial=0, seed=2)
        assert asyncio.run(rollout(job, oracle(Settings()), setup)).score.success
    assert DOMAIN.weave(pairs[0][0], twist, 3) == pairs[0][1]


def test_a_second_order_holds_the_same_thing_and_would_take_the_same_call() -> None:
    for task, woven in twisted("two_orders"):
        before, after = shop_of(task.world), shop_of(woven.world)
        user = caller(after, look_ups(woven))
        assert user is not None
        [added] = set(after.orders) - set(before.orders)
        assert added in user["orders"]
        assert "two_orders" in woven.tags
        [want] = [
            r.want
            for r, old in zip(woven.scenario.requests, task.scenario.requests, strict=True)
            if r != old and r.want
        ]
        other = replace(want, arguments={**want.arguments, "order_id": added})
        assert not DOMAIN.open(woven).call(other).is_error


def test_more_records_come_first_and_are_of_nothing_that_is_spoken_of() -> None:
    for task, woven in twisted("more_records"):
        after = shop_of(woven.world)
        user = caller(after, look_ups(woven))
        assert user is not None
        added = after.orders[user["orders"][0]]
        words = " ".join(text for r in woven.scenario.requests for text in r.says).lower()
        assert not any(item["name"].lower() in words for item in added["items"])
        assert woven.scenario.requests == task.scenario.requests


def test_a_withheld_fact_leaves_the_opening() -> None:
    for task, woven in twisted("withheld"):
        kept = [f for r in woven.scenario.requests for f in r.facts if not f.volunteered]
        told = [f for r in task.scenario.requests for f in r.facts if not f.volunteered]
        assert len(kept) == len(told) + 1
        assert "withheld" in woven.tags


def test_held_out_tasks_are_never_twisted() -> None:
    for twist in DOMAIN.twists:
        assert DOMAIN.weave(DOMAIN.tasks("test")[0], twist, 1) is None


def test_twists_can_follow_each_other() -> None:
    task = twisted("two_orders")[0][1]
    again = DOMAIN.weave(task, "more_records", 5)
    assert again is not None
    assert len(shop_of(again.world).orders) == len(shop_of(task.world).orders) + 1


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_every_fixed_task_has_exactly_one_outcome(split: str) -> None:
    for task in DOMAIN.tasks(split):  # type: ignore[arg-type]
        gold, *read = outcomes(task)
        assert read == [gold]


def test_a_wish_that_fits_two_variants_has_two_outcomes() -> None:
    recipe = Recipe(required=("exchange",), requests=1, plain=True)
    found = 0
    for task in islice(DOMAIN.generate(9, recipe), 40):
        request = task.scenario.requests[0]
        loose = tuple(
            replace(fact, says=("I would like another one.",))
            if fact.needed_for == ("new_item_ids",)
            else fact
            for fact in request.facts
        )
        scenario = replace(task.scenario, requests=(replace(request, facts=loose),))
        found += len(DOMAIN.readings(replace(task, scenario=scenario))) > 1
    assert found >= 30


def test_words_that_find_no_customer_lead_nowhere() -> None:
    task = TASKS[0]
    assert DOMAIN.readings(replace(task, scenario=replace(task.scenario, identity=()))) == []


def test_a_recipe_can_ask_for_the_length_for_nothing_more_and_for_a_product() -> None:
    recipe = Recipe(requests=1, plain=True, about=("perfume",), required=("return",))
    tasks = list(islice(DOMAIN.generate(3, recipe), 40))
    assert all(len(task.scenario.requests) == 1 for task in tasks)
    assert all(set(task.tags) <= {"return", "payment_choice", "several_items"} for task in tasks)
    told = sum("perfume" in task.scenario.requests[0].says[0] for task in tasks)
    usual = islice(DOMAIN.generate(3, replace(recipe, about=())), 40)
    assert told > 2 * sum("perfume" in task.scenario.requests[0].says[0] for task in usual) + 3
