"""Who the shop's customers are: names, addresses and payment methods."""

from __future__ import annotations

import random

from harness_retail.numbers import Numbers
from harness_retail.records import Address, Name, PaymentMethod, User

_FIRST_NAMES = """
Ada Alma Amir Anna Arjun Ben Bruno Carla Chen Clara Dana Daniel Diego Elena Elif Emma Eric Eva
Farah Felix Fiona George Grace Hana Hugo Ines Ivan Jana Jonas Julia Kai Karen Kofi Lara Leo Lina
Luca Maria Marta Mei Mia Milo Nadia Nina Noah Nora Olga Omar Oscar Paula Pedro Priya Rosa Ruth
Samir Sara Sofia Theo Vera Yusuf
"""
_LAST_NAMES = """
Adler Ahmed Baker Becker Bennett Brooks Castro Chang Cohen Costa Cruz Davies Diaz Engel Evans
Fischer Foster Garcia Gomez Grant Gupta Haddad Hansen Hayes Ito Jensen Johnson Kaya Keller Khan
Kim Klein Kovacs Lee Lopez Meyer Moreau Moretti Murphy Nakamura Nguyen Novak Okafor Olsen Patel
Pereira Popov Reed Rossi Sato Schmidt Silva Singh Smith Tanaka Torres Walker Weber Young Zhang
"""
FIRST_NAMES = tuple(_FIRST_NAMES.split())
LAST_NAMES = tuple(_LAST_NAMES.split())
_STREETS = tuple(
    f"{tree} {way}"
    for tree in ("Oak", "Maple", "Cedar", "Elm", "River", "Lake", "Hill", "Park", "Sunset")
    for way in ("Street", "Avenue", "Lane")
)
_CITIES = (
    ("Austin", "TX", 787),
    ("Boston", "MA", 211),
    ("Chicago", "IL", 606),
    ("Columbus", "OH", 432),
    ("Dallas", "TX", 752),
    ("Denver", "CO", 802),
    ("Houston", "TX", 770),
    ("Miami", "FL", 331),
    ("Newark", "NJ", 711),
    ("Phoenix", "AZ", 850),
    ("Portland", "OR", 972),
    ("San Diego", "CA", 921),
    ("Seattle", "WA", 981),
)
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


def make_address(numbers: Numbers, rng: random.Random) -> Address:
    """An address with a zip code nobody else in the database has."""
    city, state, area = rng.choice(_CITIES)
    return Address(
        address1=f"{rng.randint(10, 999)} {rng.choice(_STREETS)}",
        address2=f"{rng.choice(('Suite', 'Apt'))} {rng.randint(1, 99)}",
        city=city,
        country="USA",
        state=state,
        zip=str(numbers.within(area * 100, area * 100 + 100)),
    )


def _methods(numbers: Numbers, rng: random.Random) -> list[PaymentMethod]:
    count = rng.choices((1, 2, 3, 4), weights=(35, 40, 20, 5))[0]
    sources = rng.sample(("gift_card", "paypal", *_BRANDS), count)
    return [_method(source, numbers, rng) for source in sources]


def _method(source: str, numbers: Numbers, rng: random.Random) -> PaymentMethod:
    number = numbers.fresh(7)
    if source == "gift_card":
        balance = float(
            rng.choice((rng.randint(1, 60), rng.randint(60, 400), rng.randint(400, 1500)))
        )
        return PaymentMethod(source=source, id=f"gift_card_{number}", balance=balance)
    if source == "paypal":
        return PaymentMethod(source=source, id=f"paypal_{number}")
    return PaymentMethod(
        source="credit_card",
        id=f"credit_card_{number}",
        brand=source,
        last_four=str(rng.randint(1000, 9999)),
    )
