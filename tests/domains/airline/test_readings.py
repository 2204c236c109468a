"""Readings: what the words, the records and the policy leave open is found, and only that."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest

from harness.types import Fact, Recipe, Task
from harness_airline.database import database
from harness_airline.domain import AirlineDomain
from harness_airline.journeys import Wish, read_wish, sentences
from harness_airline.payments import choose_payment
from harness_airline.records import PaymentMethod, User
from harness_airline.targets import Customer
from harness_airline.view import View

DOMAIN = AirlineDomain()


def first(needed: str, **recipe: object) -> Task:
    """A task with one request, in which some fact is needed for an argument."""
    tasks = DOMAIN.generate(2, Recipe(requests=1, plain=True, **recipe))  # type: ignore[arg-type]
    return next(
        task
        for task in itertools.islice(tasks, 40)
        if any(needed in fact.needed_for for fact in task.scenario.requests[0].facts)
        and len(DOMAIN.readings(task)) == 1
    )


def without(task: Task, needed: str) -> Task:
    return with_facts(
        task, [f for f in task.scenario.requests[0].facts if needed not in f.needed_for]
    )


def with_facts(task: Task, facts: list[Fact]) -> Task:
    request = replace(task.scenario.requests[0], facts=tuple(facts))
    return replace(task, scenario=replace(task.scenario, requests=(request,)))


@pytest.mark.parametrize(
    ("needed", "features"), [("cabin", ()), ("payment_id", ("payment_choice",))]
)
def test_a_decision_that_nobody_tells_leaves_several_outcomes_open(
    needed: str, features: tuple[str, ...]
) -> None:
    recipe = Recipe(required=("change_cabin", *features), requests=1, plain=True)
    tasks = itertools.islice(DOMAIN.generate(4, recipe), 12)
    assert max(len(DOMAIN.readings(without(task, needed))) for task in tasks) > 1


@pytest.mark.parametrize("needed", ["flights", "date"])
def test_flights_that_are_not_described_lead_nowhere(needed: str) -> None:
    task = first("flights", required=("change_flights",))
    assert DOMAIN.readings(without(task, needed)) == []


def test_a_reason_that_allows_a_cancellation_makes_a_refusal_ambiguous() -> None:
    """An insured trip that is cancelled for a change of plans is refused, for illness it is not."""
    for task in itertools.islice(
        DOMAIN.generate(6, Recipe(required=("refuse_cancel",), requests=1, plain=True)), 60
    ):
        ill = [
            replace(fact, says=("I am ill and cannot fly.",))
            if fact.about.startswith("the reason")
            else fact
            for fact in task.scenario.requests[0].facts
        ]
        if len(DOMAIN.readings(with_facts(task, ill))) == 2:
            return
    pytest.fail("no refused cancellation was of an insured trip")


@pytest.mark.parametrize(
    "wish",
    [
        Wish(at="10:00"),
        Wish(order="latest"),
        Wish(order="cheapest", after="11:30"),
        Wish(before="12:30"),
        Wish(scope="one stop", order="earliest"),
        Wish(scope="nonstop else", order="cheapest"),
        Wish(scope="any", order="cheapest"),
    ],
)
def test_a_wish_is_read_back_from_each_of_its_wordings(wish: Wish) -> None:
    assert {read_wish(text) for text in sentences(wish)} == {wish}


def test_gift_cards_with_as_much_on_them_are_never_named() -> None:
    """After two were used up, "my gift card with 0 dollars on it" could be either."""
    airline = database("airline/train/1")
    user = next(
        user
        for user in airline.users.values()
        if sum(m["source"] == "gift_card" for m in user["payment_methods"].values()) == 2
    )
    methods = {
        key: PaymentMethod(**{**method, "amount": 500.0})
        if method["source"] == "gift_card"
        else method
        for key, method in user["payment_methods"].items()
    }
    users = {**airline.users, user["user_id"]: User(**{**user, "payment_methods": methods})}
    view = View(replace(airline, users=users))
    for seed in range(20):
        customer = Customer(view, user["user_id"], random.Random(seed))
        choice = choose_payment(customer, 10, frozenset(), "")
        assert choice is not None
        assert not str(choice.arguments["payment_id"]).startswith("gift_card")
