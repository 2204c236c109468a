"""Who the shop's customers are, and how they pay."""

from __future__ import annotations

import random
from typing import cast

from harness_retail.records import Name, PaymentMethod, User
from harness_taskkit.numbers import Numbers
from harness_taskkit.people import credit_card, make_address

_BRANDS = ("Visa", "Mastercard")


def make_user(first: str, last: str, numbers: Numbers, rng: random.Random) -> User:
    """A customer without orders, with one to four payment methods."""
    number = numbers.fresh(4)
    return User(
        user_id=f"{first}_{last}_{number}".lower(),
        name=Name(first_name=first, last_name=last),
        address=make_address(numbers, rng),
        email=f"{first}.{last}{numbers.fresh(4)}@example.com".lower(),
        payment_methods={method["id"]: method for method in _methods(numbers, rng)},
        orders=[],
    )


def _methods(numbers: Numbers, rng: random.Random) -> list[PaymentMethod]:
    count = rng.choices((1, 2, 3, 4), weights=(35, 40, 20, 5))[0]
    sources = rng.sample(("gift_card", "paypal", *_BRANDS), count)
    return [_method(source, numbers, rng) for source in sources]


def _method(source: str, numbers: Numbers, rng: random.Random) -> PaymentMethod:
    if source in _BRANDS:
        return cast(PaymentMethod, credit_card(source, numbers, rng))
    number = numbers.fresh(7)
    if source == "gift_card":
        balance = float(
            rng.choice((rng.randint(1, 60), rng.randint(60, 400), rng.randint(400, 1500)))
        )
        return PaymentMethod(source=source, id=f"gift_card_{number}", balance=balance)
    return PaymentMethod(source=source, id=f"paypal_{number}")
