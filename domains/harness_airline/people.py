"""Who flies: customers with their ways to pay, and passengers."""

from __future__ import annotations

import random
from typing import cast

from harness.types import Json
from harness_airline.records import Name, Passenger, PaymentMethod, User
from harness_taskkit.numbers import Numbers
from harness_taskkit.people import FIRST_NAMES, LAST_NAMES, credit_card, make_address

_MEMBERSHIPS = {"regular": 40, "silver": 30, "gold": 30}


def make_user(first: str, last: str, numbers: Numbers, rng: random.Random) -> User:
    """A customer without reservations, with one to five ways to pay."""
    methods = _methods(numbers, rng)
    return User(
        user_id=f"{first}_{last}_{numbers.fresh(4)}".lower(),
        name=Name(first_name=first, last_name=last),
        address=make_address(numbers, rng),
        email=f"{first}.{last}{numbers.fresh(4)}@example.com".lower(),
        dob=birthday(rng),
        payment_methods={method["id"]: method for method in methods},
        saved_passengers=[
            passenger(rng, (first,)) for _ in range(rng.choices((1, 2), (70, 30))[0])
        ],
        membership=rng.choices(list(_MEMBERSHIPS), list(_MEMBERSHIPS.values()))[0],
        reservations=[],
    )


def passenger(rng: random.Random, unlike: tuple[str, ...] = ()) -> Passenger:
    """Somebody whose first name is none of the given ones."""
    firsts = [name for name in FIRST_NAMES if name not in unlike]
    return Passenger(
        first_name=rng.choice(firsts), last_name=rng.choice(LAST_NAMES), dob=birthday(rng)
    )


def birthday(rng: random.Random) -> str:
    return f"{rng.randint(1950, 2004)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def as_passenger(user: User) -> Passenger:
    """The customer as a passenger."""
    return Passenger(**user["name"], dob=user["dob"])


def as_json(one: Passenger) -> dict[str, Json]:
    """The passenger as tools take it."""
    return {"first_name": one["first_name"], "last_name": one["last_name"], "dob": one["dob"]}


def _methods(numbers: Numbers, rng: random.Random) -> list[PaymentMethod]:
    """One or two cards of different brands, up to two gift cards and up to two certificates."""
    brands = rng.sample(("visa", "mastercard"), rng.choices((1, 2), (60, 40))[0])
    gift_cards = rng.choices((0, 1, 2), (35, 45, 20))[0]
    certificates = rng.choices((0, 1, 2), (50, 30, 20))[0]
    methods = [cast(PaymentMethod, credit_card(brand, numbers, rng)) for brand in brands]
    amounts = rng.sample(range(20, 400), gift_cards)
    methods += [_worth("gift_card", amount, numbers) for amount in amounts]
    amounts = rng.sample(range(50, 500, 10), certificates)
    methods += [_worth("certificate", amount, numbers) for amount in amounts]
    rng.shuffle(methods)
    return methods


def _worth(source: str, amount: int, numbers: Numbers) -> PaymentMethod:
    return PaymentMethod(source=source, id=f"{source}_{numbers.fresh(7)}", amount=float(amount))
