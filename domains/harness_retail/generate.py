"""Turn a seed and a recipe into tasks on small shops made for them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from harness.types import Fact, Recipe, Request, Split, Task, stable_id, stable_seed
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
from harness_taskkit.numbers import Numbers
from harness_taskkit.plan import Plan, Planner, Slot, impossible

TASKS_PER_DATABASE = 10
_FIXED_TASKS = 200
_SHOPS_TRIED = 20
_PLANNER = Planner(MIX)
_KNOWN_BY_EMAIL = 0.15
_FAILS_BY_EMAIL = 0.6
_TOLD_AT_ONCE = 0.15


def fixed_tasks(split: Split, compat: Compat = FIXED) -> tuple[Task, ...]:
    """The 200 tasks of a split in the default mix, all different."""
    tasks: dict[str, Task] = {}
    for task in _generate(f"fixed/{split}", Recipe(split=split), compat):
        tasks.setdefault(task.id, task)
        if len(tasks) == _FIXED_TASKS:
            break
    return tuple(tasks.values())


def generate(seed: int, recipe: Recipe, compat: Compat = FIXED) -> Iterator[Task]:
    """Endless tasks; a fresh shop every ``TASKS_PER_DATABASE``. Raises ``ConfigError`` at once.

    A combination of features that passes the check but no shop can serve raises while iterating.
    """
    _PLANNER.check(recipe)
    return _generate(f"{seed}", recipe, compat)


def _generate(seed: str, recipe: Recipe, compat: Compat) -> Iterator[Task]:
    number = 0
    while True:
        rng = random.Random(f"{seed}/{number}")
        second: Task | None = None
        for attempt in range(_SHOPS_TRIED):
            plan = _PLANNER.plan(recipe, rng)
            shop_seed = stable_seed("shop", seed, number // TASKS_PER_DATABASE, attempt)
            shop = database(database_name(recipe.split, shop_seed))
            task = _make_task(shop, plan, rng, compat, frozenset(map(spoken, recipe.about)))
            if task is not None and plan.avoided.isdisjoint(task.tags):
                break
            second = second or task
        else:
            task = second
        if task is None:
            raise impossible("retail", plan.must)
        yield task
        number += 1


def _make_task(
    shop: Database, plan: Plan, rng: random.Random, compat: Compat, about: frozenset[str]
) -> Task | None:
    """A task after the plan for the first customer who fits, relaxing the plan twice.

    Customers who have one of the products it is best about come first. What the plan avoids is in a
    task only if all who fit have it.
    """
    users = list(shop.users.values())
    for draft in (_as_wished, _as_must_be, _of_any_kind):
        second: tuple[Customer, list[Draft]] | None = None
        for user in _those_first(rng.sample(users, len(users)), shop, about):
            customer = Customer(shop, user, rng, about=about)
            drafts = _draft_all(customer, plan, draft)
            if not drafts or not _holds(RetailWorld(shop, compat), drafts):
                continue
            if not any(plan.avoided & one.features for one in drafts):
                return _assemble(customer, plan, drafts)
            second = second or (customer, drafts)
        if second is not None:
            return _assemble(second[0], plan, second[1])
    return None


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


def _draft_all(
    customer: Customer, plan: Plan, draft_one: Callable[[Customer, Slot], Draft | None]
) -> list[Draft]:
    """The drafts in the order of the plan; empty if this customer cannot have them all."""
    drafts: list[Draft] = []
    for slot in plan.slots:
        draft = draft_one(customer, slot)
        if draft is None:
            return []
        drafts.append(draft)
    return drafts


def _as_wished(customer: Customer, slot: Slot) -> Draft | None:
    return _draft(customer, slot.kind, slot.must | slot.wishes)


def _as_must_be(customer: Customer, slot: Slot) -> Draft | None:
    return _draft(customer, slot.kind, slot.must)


def _of_any_kind(customer: Customer, slot: Slot) -> Draft | None:
    kinds = _PLANNER.draw_kinds(customer.rng) if slot.free else [slot.kind]
    drafts = (_draft(customer, kind, slot.must) for kind in kinds)
    return next((draft for draft in drafts if draft is not None), None)


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
    shop, rng = customer.database, customer.rng
    requests = [draft.request for draft in drafts]
    features = frozenset().union(*(draft.features for draft in drafts))
    if len(drafts) > 1:
        features |= {"multi_request"}
    identity = _identity(customer.user, rng)
    if plan.failing_lookup:
        features |= {"failing_lookup"}
        identity = _failing_identity(shop, customer.user, rng)
    elif rng.random() < _TOLD_AT_ONCE:
        identity = tuple(replace(fact, volunteered=True) for fact in identity)
        requests[0] = _introduced(requests[0], identity[0])
    scenario = tell(customer.user, identity, requests)
    gold = tuple(draft.gold for draft in drafts if draft.gold is not None)
    told = tuple(text for draft in drafts for text in draft.tell)
    return Task(
        id=stable_id("retail", shop.name, scenario, gold, told),
        domain="retail",
        split=shop.split,
        scenario=scenario,
        world={"database": shop.name},
        gold=gold,
        communicate=told,
        tags=tuple(sorted(features)),
    )


def _introduced(request: Request, identity: Fact) -> Request:
    says = tuple(
        f"{identity.says[index % len(identity.says)]} {text}"
        for index, text in enumerate(request.says)
    )
    return replace(request, says=says)


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
