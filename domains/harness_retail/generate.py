"""Turn a seed and a recipe into tasks on small shops made for them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from harness.types import Fact, Split, Task
from harness_retail.compat import FIXED, Compat
from harness_retail.database import database, database_name
from harness_retail.dead_ends import draft_dead_end
from harness_retail.features import DEAD_ENDS, MIX, QUESTION
from harness_retail.prose import tell
from harness_retail.questions import draft_question
from harness_retail.records import User
from harness_retail.requests import draft_request
from harness_retail.state import Database
from harness_retail.targets import Customer, names_in
from harness_retail.tools import RetailWorld
from harness_retail.wording import spoken
from harness_taskkit.choices import instead
from harness_taskkit.drafts import Draft
from harness_taskkit.generating import Caller, Tasks, assembled
from harness_taskkit.numbers import Numbers
from harness_taskkit.plan import Plan, Planner

_PLANNER = Planner(MIX)
_KNOWN_BY_EMAIL = 0.15
_FAILS_BY_EMAIL = 0.6
_TOLD_AT_ONCE = 0.15


@dataclass(frozen=True, slots=True)
class _Shops:
    compat: Compat
    planner: Planner = _PLANNER

    def database(self, split: Split, seed: int) -> Database:
        return database(database_name(split, seed))

    def customers(
        self, shop: Database, plan: Plan, rng: random.Random, about: Sequence[str]
    ) -> Iterator[Customer]:
        """Those who have one of the products it is best about come first."""
        names = frozenset(map(spoken, about))
        users = list(shop.users.values())
        for user in _those_first(rng.sample(users, len(users)), shop, names):
            yield Customer(shop, user, rng, about=names)

    def draft(self, customer: Customer, kind: str, wanted: frozenset[str]) -> Draft | None:
        return _draft(customer, kind, wanted)

    def holds(self, customer: Customer, drafts: Sequence[Draft]) -> bool:
        return _holds(RetailWorld(customer.database, self.compat), drafts)

    def assemble(self, customer: Customer, plan: Plan, drafts: Sequence[Draft]) -> Task:
        return _assemble(customer, plan, drafts)


_TASKS = Tasks(_Shops, FIXED)
fixed_tasks = _TASKS.fixed_tasks
generate = _TASKS.generate


def _those_first(users: list[User], shop: Database, about: frozenset[str]) -> list[User]:
    """The users, first those with an order of one of the products."""
    return (
        sorted(
            users,
            key=lambda user: all(
                about.isdisjoint(names_in(shop.orders[o])) for o in user["orders"]
            ),
        )
        if about
        else users
    )


def _draft(customer: Customer, kind: str, wanted: frozenset[str]) -> Draft | None:
    if kind == QUESTION:
        return draft_question(customer, wanted)
    draft = draft_dead_end if kind in DEAD_ENDS else draft_request
    return draft(customer, kind, wanted)


def _holds(world: RetailWorld, drafts: Sequence[Draft]) -> bool:
    """Whether all wanted calls go through one after the other, and what must be refused does not.

    Nothing but the policy stops a call about somebody else's order.
    """
    for draft in drafts:
        if draft.gold is not None and world.call(draft.gold).is_error:
            return False
        by_policy = "refuse_other_user" in draft.features
        if draft.forbidden and not by_policy and not world.call(draft.forbidden).is_error:
            return False
    return True


def _assemble(customer: Customer, plan: Plan, drafts: Sequence[Draft]) -> Task:
    shop, rng, user = customer.database, customer.rng, customer.user
    caller = Caller(
        identity=_identity(user, rng),
        mistaken=lambda: _failing_identity(shop, user, rng),
        at_once=_TOLD_AT_ONCE,
        tell=partial(tell, user),
    )
    return assembled("retail", shop.split, {"database": shop.name}, caller, plan, drafts, rng)


def _identity(user: User, rng: random.Random) -> tuple[Fact, ...]:
    if rng.random() < _KNOWN_BY_EMAIL:
        return (_email_fact(user["email"]),)
    return (_name_fact(user, user["address"]["zip"]),)


def _failing_identity(shop: Database, user: User, rng: random.Random) -> tuple[Fact, ...]:
    """An email that nobody has, then the name; or the name with an old zip code, then the email."""
    if rng.random() < _FAILS_BY_EMAIL:
        name = user["name"]
        number = Numbers(shop.split, rng).fresh(4)
        wrong = f"{name['first_name']}.{name['last_name']}{number}@mail.example".lower()
        return _email_fact(wrong), instead(_name_fact(user, user["address"]["zip"]))
    code = user["address"]["zip"]
    old = f"{code[:-1]}{(int(code[-1]) + rng.randint(1, 9)) % 10}"
    return _name_fact(user, old), instead(_email_fact(user["email"]))


def _email_fact(email: str) -> Fact:
    return Fact(
        about="your email, or your full name and zip code",
        asked_by=("email", "name", "zip"),
        says=(f"My email is {email}.", f"You can find me by my email, {email}."),
        needed_for=("email",),
    )


def _name_fact(user: User, code: str) -> Fact:
    name = f"{user['name']['first_name']} {user['name']['last_name']}"
    return Fact(
        about="your email, or your full name and zip code",
        asked_by=("email", "name", "zip"),
        says=(f"My name is {name}, zip code {code}.", f"I am {name}, and my zip code is {code}."),
        needed_for=("first_name", "last_name", "zip"),
    )
