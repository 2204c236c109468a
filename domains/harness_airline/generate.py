"""Turn a seed and a recipe into tasks on small airlines made for them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.types import Fact, Recipe, Split, Task, stable_id
from harness_airline.compat import FIXED, Compat
from harness_airline.database import airline_of, database_name
from harness_airline.dead_ends import draft_dead_end
from harness_airline.features import DEAD_ENDS, MIX, QUESTION
from harness_airline.prose import tell
from harness_airline.questions import draft_question
from harness_airline.records import User
from harness_airline.requests import draft_request
from harness_airline.state import Airline
from harness_airline.targets import Customer
from harness_airline.view import View
from harness_taskkit import generating
from harness_taskkit.choices import fact_of, instead
from harness_taskkit.drafts import Draft
from harness_taskkit.generating import features_of, introduced
from harness_taskkit.numbers import Numbers
from harness_taskkit.plan import Plan, Planner

_FIXED_TASKS = 200
_PLANNER = Planner(MIX)
_TOLD_AT_ONCE = 0.25


def fixed_tasks(split: Split, compat: Compat = FIXED) -> tuple[Task, ...]:
    """The 200 tasks of a split in the default mix, all different."""
    return generating.fixed_tasks(_Airlines(compat), split, _FIXED_TASKS)


def generate(seed: int, recipe: Recipe, compat: Compat = FIXED) -> Iterator[Task]:
    """Endless tasks; a fresh airline every few. Raises ``ConfigError`` at once.

    A combination of features that passes the check but no airline can serve raises while
    iterating.
    """
    return generating.generate(_Airlines(compat), seed, recipe)


@dataclass(frozen=True, slots=True)
class _Airlines:
    compat: Compat
    planner: Planner = _PLANNER

    def database(self, split: Split, seed: int) -> Airline:
        return airline_of({"database": database_name(split, seed)})

    def customers(
        self, airline: Airline, plan: Plan, rng: random.Random, about: Sequence[str]
    ) -> Iterator[Customer]:
        """Each anew, with an airline of its own to try things in."""
        wanted = frozenset(about)
        users = rng.sample(list(airline.users), len(airline.users))
        if wanted:
            users.sort(key=lambda key: wanted.isdisjoint(_words(airline, key)))
        complains = any(slot.kind == "compensate" and MIX.again in slot.must for slot in plan.slots)
        for user_id in users:
            view = View(airline, self.compat)
            yield Customer(view, user_id, rng, about=wanted, complains=complains)

    def draft(self, customer: Customer, kind: str, wanted: frozenset[str]) -> Draft | None:
        if kind == QUESTION:
            return draft_question(customer, wanted)
        draft = draft_dead_end if kind in DEAD_ENDS else draft_request
        return draft(customer, kind, wanted)

    def holds(self, customer: Customer, drafts: Sequence[Draft]) -> bool:
        """True: each call was made when it was drafted."""
        return True

    def assemble(self, customer: Customer, plan: Plan, drafts: Sequence[Draft]) -> Task:
        return _assemble(customer, plan, drafts)


def _words(airline: Airline, user_id: str) -> set[str]:
    """What a customer can call about: its reservations and their cities."""
    trips = [airline.reservations[key] for key in airline.users[user_id]["reservations"]]
    cities = {airline.airports[trip[end]] for trip in trips for end in ("origin", "destination")}
    return {text.lower() for text in (*cities, *airline.users[user_id]["reservations"])}


def _assemble(customer: Customer, plan: Plan, drafts: Sequence[Draft]) -> Task:
    airline, rng = customer.view.airline, customer.rng
    user = airline.users[customer.user_id]
    requests = [draft.request for draft in drafts]
    features = features_of(drafts)
    identity: tuple[Fact, ...] = (_id_fact(user["user_id"]),)
    if plan.failing_lookup:
        features |= {"failing_lookup"}
        identity = (_id_fact(_mistaken(airline, user, rng)), instead(_id_fact(user["user_id"])))
    elif rng.random() < _TOLD_AT_ONCE:
        identity = tuple(replace(fact, volunteered=True) for fact in identity)
        requests[0] = introduced(requests[0], identity[0])
    scenario = tell(user, identity, requests)
    gold = tuple(draft.gold for draft in drafts if draft.gold is not None)
    told = tuple(text for draft in drafts for text in draft.tell)
    return Task(
        id=stable_id("airline", airline.name, scenario, gold, told),
        domain="airline",
        split=airline.split,
        scenario=scenario,
        world={"database": airline.name},
        gold=gold,
        communicate=told,
        tags=tuple(sorted(features)),
    )


def _id_fact(user_id: str) -> Fact:
    return fact_of(
        "your user id",
        "user id/user name/account",
        (f"My user id is {user_id}.", f"It is {user_id}, that is my user id."),
        "user_id",
    )


def _mistaken(airline: Airline, user: User, rng: random.Random) -> str:
    """An id like the user's that nobody has."""
    while True:
        wrong = f"{user['user_id'].rpartition('_')[0]}_{Numbers(airline.split, rng).fresh(4)}"
        if wrong not in airline.users:
            return wrong
