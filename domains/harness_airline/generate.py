"""Turn a seed and a recipe into tasks on small airlines made for them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from harness.types import Fact, Split, Task
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
from harness_taskkit.choices import fact_of, instead
from harness_taskkit.drafts import Draft
from harness_taskkit.generating import Caller, Tasks, assembled
from harness_taskkit.numbers import Numbers
from harness_taskkit.plan import Plan, Planner

_PLANNER = Planner(MIX)
_TOLD_AT_ONCE = 0.25


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
            yield Customer(
                view, user_id, rng, about=wanted, complains=complains, avoided=plan.avoided
            )

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


_TASKS = Tasks(_Airlines, FIXED)
fixed_tasks = _TASKS.fixed_tasks
generate = _TASKS.generate


def _words(airline: Airline, user_id: str) -> set[str]:
    """What a customer can call about: its reservations and their cities."""
    trips = [airline.reservations[key] for key in airline.users[user_id]["reservations"]]
    cities = {airline.airports[trip[end]] for trip in trips for end in ("origin", "destination")}
    return {text.lower() for text in (*cities, *airline.users[user_id]["reservations"])}


def _assemble(customer: Customer, plan: Plan, drafts: Sequence[Draft]) -> Task:
    airline, rng = customer.view.airline, customer.rng
    user = airline.users[customer.user_id]
    own = _id_fact(user["user_id"])
    caller = Caller(
        identity=(own,),
        mistaken=lambda: (_id_fact(_mistaken(airline, user, rng)), instead(own)),
        at_once=_TOLD_AT_ONCE,
        tell=partial(tell, user),
    )
    world = {"database": airline.name}
    return assembled("airline", airline.split, world, caller, plan, drafts, rng)


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
