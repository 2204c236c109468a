"""Decide what a client wants in a request besides its subject, and how the client puts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from harness.types import Fact
from harness_invented.blueprint import PLACE_SLOTS
from harness_invented.names import Draw
from harness_invented.state import Record
from harness_invented.targets import Customer, Target
from harness_invented.wording import MINDS
from harness_taskkit.choices import Choice, FirstThought, changed
from harness_taskkit.people import conflicting, words_for

Flaw = Literal["", "status", "account", "edition"]
"""Why a request must be refused; "" if it need not."""


def _revised(choice: Choice, before: Choice) -> Choice:
    """The choice as a change of mind from another one."""
    first = FirstThought(arguments=before.arguments, says=before.fact.says)
    return changed(choice, first, MINDS)


def choose_listed(customer: Customer, slot: str, values: Sequence[str], revise: bool) -> Choice:
    """One of the values that the tool lists for a reason or an option."""
    word = customer.plan.arguments[slot].replace("_", " ")
    first, last = customer.rng.sample(values, 2)

    def choice(value: str) -> Choice:
        if slot == "reason":
            says: tuple[str, ...] = (f"It is because of this: {value}.", f"It is {value}.")
        else:
            says = (f"I want {value} {word}.", f"Please make the {word} {value}.")
        fact = Fact(
            about=f"the {word}" if slot == "reason" else f"which {word} you want",
            asked_by=(word,),
            says=says,
            recognised_by=(value,),
            conflicts_with=tuple(other for other in values if other != value),
            needed_for=(customer.plan.arguments[slot],),
        )
        return Choice(arguments={slot: value}, fact=fact)

    return _revised(choice(last), choice(first)) if revise else choice(last)


def choose_count(customer: Customer, revise: bool) -> Choice:
    """For how long to extend a record."""
    unit = customer.plan.unit
    first, last = customer.rng.sample(range(2, 29), 2)

    def choice(count: int) -> Choice:
        fact = Fact(
            about=f"for how many {unit}",
            asked_by=("how many", "how long"),
            says=(f"For {count} {unit}.", f"I need {count} more {unit}.", f"By {count} {unit}."),
            needed_for=(customer.plan.arguments["count"],),
        )
        return Choice(arguments={"count": count}, fact=fact)

    return _revised(choice(last), choice(first)) if revise else choice(last)


def choose_place(customer: Customer, target: Target | None, revise: bool) -> Choice:
    """A new place; for a record it may be the one in the profile."""
    plan, rng = customer.plan, customer.rng
    key = plan.place.replace(" ", "_")
    home = customer.client[key]
    if target and not revise and target.record[key] != home and "home" not in customer.used:
        customer.used.add("home")
        profile = (f"Please use the {plan.place} in my profile.", "Use the one in my profile.")
        return _place(customer, home, profile)
    place = Draw(customer.database.split, rng).place([plan.arguments[s] for s in PLACE_SLOTS])
    choice = _place(customer, place, _line(customer, place))
    if not revise:
        return choice
    street = plan.arguments["street"]
    number, rest = place[street].split(" ", 1)
    wrong = {**place, street: f"{int(number) + rng.randint(1, 9)} {rest}"}
    return _revised(choice, _place(customer, wrong, _line(customer, wrong)))


def _line(customer: Customer, place: Record) -> tuple[str, ...]:
    street, unit, town, region, country, code = place.values()
    line = f"{street}, {unit}, {town}, {region} {code}, {country}"
    noun = customer.plan.place
    return (f"The new {noun} is {line}.", f"It should be {line}.", f"Make it {line}.")


def _place(customer: Customer, place: Record, says: tuple[str, ...]) -> Choice:
    plan = customer.plan
    fact = Fact(
        about=f"the new {plan.place}",
        asked_by=(f"new {plan.place}", f"what {plan.place}", f"which {plan.place}"),
        says=says,
        recognised_by=(place[plan.arguments["street"]].lower(),),
        conflicts_with=(plan.place,),
        needed_for=tuple(place),
    )
    return Choice(arguments=dict(zip(PLACE_SLOTS, place.values(), strict=True)), fact=fact)


def choose_account(
    customer: Customer, role: str, target: Target, cost: float, flaw: Flaw, revise: bool
) -> Choice | None:
    """Where money comes from or goes to; None if the client has no account that fits.

    ``cost``: what must be paid.
    """
    plan, rng = customer.plan, customer.rng
    accounts: list[Record] = list(customer.client["accounts"].values())
    paid = target.record["payments"][0][plan.arguments["account"]]
    if role == "give_back":
        good = [a for a in accounts if a["id"] == paid or a["source"] == "gift_card"]
    else:
        good = [a for a in accounts if a.get("balance", cost) >= cost]
        if role == "repay":
            good = [a for a in good if a["id"] != paid]
    bad = [a for a in accounts if a not in good and (role != "repay" or a["id"] != paid)]
    pool = bad if flaw == "account" else good
    if len(pool) < 1 + revise:
        return None
    first, *rest = rng.sample(pool, len(pool))
    choice = _account(customer, role, first, is_original=first["id"] == paid)
    if flaw == "account":
        why = f"a refund can only go to the {plan.account} that paid"
        low = f"there is not enough money on the {first['source'].replace('_', ' ')}"
        return replace(choice, refusal=why if role == "give_back" else low)
    return _revised(choice, _account(customer, role, rest[0])) if revise else choice


def _account(
    customer: Customer, role: str, account: Record, *, is_original: bool = False
) -> Choice:
    plan, rng = customer.plan, customer.rng
    others = [a for a in customer.client["accounts"].values() if a is not account]
    source = account["source"].replace("_", " ")
    phrases = [f"my {source}"]
    if "brand" in account:
        named = f"my {account['brand']}"
        alone = all(a["source"] != account["source"] for a in others)
        phrases = [named, f"{named} ending in {account['last_four']}", *(phrases if alone else ())]
    if is_original and role == "give_back":
        phrases += [f"the original {plan.account}"] * len(phrases)
    phrase = rng.choice(phrases)
    says = {
        "give_back": (
            f"Please refund it to {phrase}.",
            f"The money should go back to {phrase}.",
            f"I want the refund on {phrase}.",
        ),
        "repay": (
            f"I want to pay with {phrase}.",
            f"Please charge {phrase}.",
            f"Switch it to {phrase}.",
        ),
    }.get(
        role,
        (
            f"Please use {phrase} for the difference.",
            f"Any difference should go to {phrase}.",
            f"I will settle it with {phrase}.",
        ),
    )
    fact = Fact(
        about="where the money should go"
        if role == "give_back"
        else f"which {plan.account} to use",
        asked_by=("money should go", "refund", f"which {plan.account}", f"what {plan.account}"),
        says=says,
        recognised_by=words_for(account, others),
        conflicts_with=conflicting(account, others),
        needed_for=(plan.arguments["account"],),
    )
    features = frozenset({"account_choice"} if others else ())
    return Choice(arguments={"account": account["id"]}, fact=fact, features=features)
