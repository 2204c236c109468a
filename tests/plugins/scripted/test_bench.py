"""Near misses of calls: numbers, objects in lists, ids of letters and digits."""

from __future__ import annotations

from itertools import islice
from random import Random

import pytest

from harness.types import Recipe, Task
from harness_airline.domain import AirlineDomain
from harness_scripted.bench import Bench, objects, shape
from harness_scripted.mistakes import planted_mistake
from harness_scripted.offers import recognise
from harness_scripted.plan import plan
from harness_scripted.speech import normal

DOMAIN = AirlineDomain()


def tasks(count: int, *required: str) -> list[Task]:
    recipe = Recipe(required=required, requests=1)
    return list(islice(DOMAIN.generate(3, recipe), count))


def bench(task: Task) -> Bench:
    acts = plan(task, DOMAIN)
    assert acts is not None
    return Bench(DOMAIN, task, tuple(acts), Random(1))


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("4WQ150", "ZZ9PLU", True),
        ("4WQ150", "HAT123", True),
        ("gift_card_12", "gift_card_9", True),
        ("4WQ150", "economy", False),
        ("BOSTON", "4WQ150", False),
    ],
)
def test_ids_of_letters_and_digits_look_alike(one: str, other: str, alike: bool) -> None:
    assert (shape(one) == shape(other)) is alike


def test_objects_are_found_at_any_depth_and_none_in_plain_text() -> None:
    assert list(objects('{"a": [{"b": 1}]}')) == [{"a": [{"b": 1}]}, {"b": 1}]
    assert list(objects("available")) == []


@pytest.mark.parametrize(
    ("kind", "argument"),
    [
        ("add_bags", "total_baggages"),
        ("change_passengers", "passengers"),
        ("change_flights", "flights"),
    ],
)
def test_deep_variants_change_numbers_and_objects(kind: str, argument: str) -> None:
    found = [bench(task) for task in tasks(6, kind)]
    changed = [name for one in found for name, _ in one.variants(one.writes()[0], deep=True)]
    usual = [name for one in found for name, _ in one.variants(one.writes()[0])]
    assert argument in changed
    assert argument not in usual


def test_the_noisy_agent_errs_in_every_way_that_airline_has_a_noun_for() -> None:
    many = islice(DOMAIN.generate(5, Recipe()), 150)
    found = [planted_mistake(DOMAIN, task, n, 1.0) for n, task in enumerate(many)]
    kinds = {mistake.kind for mistake in found if mistake is not None}
    assert kinds >= {"wrong_reservation", "wrong_flights", "wrong_bags", "should_have_refused"}


def test_a_change_of_mind_about_flights_is_recognised_by_their_values() -> None:
    for task in tasks(6, "change_flights", "change_of_mind"):
        request = task.scenario.requests[0]
        assert request.want is not None
        assert request.revision is not None
        text = normal(str(request.want.arguments["flights"]))
        if request.want.arguments["flights"] != request.revision.proposal.arguments["flights"]:
            assert recognise(text, request) == "last"
