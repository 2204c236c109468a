"""Put requests together to a task: who calls, how it is found, what is wanted in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.types import Fact, Scenario, Task, stable_id
from harness_invented.names import Draw
from harness_invented.questions import with_amount
from harness_invented.targets import Customer
from harness_taskkit.choices import instead
from harness_taskkit.drafts import Draft

AMOUNT = 0.35
"""How often a client wants to be told an amount, where it has no other question."""


def assemble(customer: Customer, drafts: Sequence[Draft], *, failing: bool, amount: bool) -> Task:
    """The task of a client with these requests.

    failing: what it says first finds nobody. amount: it surely wants to be told an amount, where
    it has no other question and its last request has one.
    """
    shop, rng, plan = customer.database, customer.rng, customer.plan
    asks = any(draft.tell for draft in drafts)
    if not asks and rng.random() < (1.0 if amount else AMOUNT):
        drafts = [*drafts[:-1], with_amount(shop, drafts[-1])]
    requests = [draft.request for draft in drafts]
    tags = {tag for draft in drafts for tag in draft.features}
    tags |= {"multi_request"} if len(drafts) > 1 else set()
    tags |= {"failing_lookup"} if failing else set()
    identity = _identity(customer, failing)
    if not failing and rng.random() < 0.15:
        identity = tuple(replace(fact, volunteered=True) for fact in identity)
        says = tuple(f"{rng.choice(identity[0].says)} {text}" for text in requests[0].says)
        requests[0] = replace(requests[0], says=says)
    gold = tuple(draft.gold for draft in drafts if draft.gold is not None)
    known = " ".join(fact.says[0] for fact in identity)
    scenario = Scenario(
        reason=" ".join(request.says[0] for request in requests),
        known=known,
        identity=identity,
        requests=tuple(requests),
    )
    client = customer.client[plan.arguments["client"]]
    return Task(
        id=stable_id("invented", plan.seed, shop.split, client, scenario, gold),
        domain="invented",
        split=shop.split,
        scenario=scenario,
        world={"business": plan.seed, "database": shop.number, "client": client},
        gold=gold,
        communicate=tuple(text for draft in drafts for text in draft.tell),
        tags=tuple(sorted(tags)),
    )


def _identity(customer: Customer, failing: bool) -> tuple[Fact, ...]:
    rng = customer.rng
    if failing:
        first, last = customer.client["name"].values()
        number = Draw(customer.database.split, rng).number(4)
        wrong = f"{first}.{last}{number}@mail.example".lower()
        return _email_fact(customer, wrong), instead(_name_fact(customer))
    if rng.random() < 0.5:
        return (_email_fact(customer, customer.client["email"]),)
    return (_name_fact(customer),)


def _about(customer: Customer) -> str:
    return f"your email, or your full name and {customer.plan.arguments['code']}".replace("_", " ")


def _email_fact(customer: Customer, email: str) -> Fact:
    return Fact(
        about=_about(customer),
        asked_by=("email", "name"),
        says=(f"My email is {email}.", f"You can find me by my email, {email}.", f"It is {email}."),
        recognised_by=(email,),
        needed_for=("email",),
    )


def _name_fact(customer: Customer) -> Fact:
    plan = customer.plan
    first, last = customer.client["name"].values()
    code = customer.client[plan.place.replace(" ", "_")][plan.arguments["code"]]
    word = plan.arguments["code"].replace("_", " ")
    return Fact(
        about=_about(customer),
        asked_by=("email", "name"),
        says=(
            f"My name is {first} {last}, {word} {code}.",
            f"I am {first} {last}, and my {word} is {code}.",
        ),
        recognised_by=(first, last, code),
        needed_for=tuple(plan.arguments[slot] for slot in ("first", "last", "code")),
    )
