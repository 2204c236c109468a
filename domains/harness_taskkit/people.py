"""Who customers are: names, addresses in the fields of official domains, words for payments."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from typing_extensions import TypedDict  # pydantic validates no other before Python 3.12

from harness_taskkit.numbers import Numbers
from harness_taskkit.wording import words

Method = Mapping[str, object]
"""A way to pay: ``id`` and ``source``, for cards ``brand`` and ``last_four``, too."""


class Name(TypedDict):
    first_name: str
    last_name: str


class Address(TypedDict):
    address1: str
    address2: str
    city: str
    country: str
    state: str
    zip: str


class Card(TypedDict):
    source: str
    id: str
    brand: str
    last_four: str


FIRST_NAMES = words("""
Ada Alma Amir Anna Arjun Ben Bruno Carla Chen Clara Dana Daniel Diego Elena Elif Emma Eric Eva
Farah Felix Fiona George Grace Hana Hugo Ines Ivan Jana Jonas Julia Kai Karen Kofi Lara Leo Lina
Luca Maria Marta Mei Mia Milo Nadia Nina Noah Nora Olga Omar Oscar Paula Pedro Priya Rosa Ruth
Samir Sara Sofia Theo Vera Yusuf
""")
LAST_NAMES = words("""
Adler Ahmed Baker Becker Bennett Brooks Castro Chang Cohen Costa Cruz Davies Diaz Engel Evans
Fischer Foster Garcia Gomez Grant Gupta Haddad Hansen Hayes Ito Jensen Johnson Kaya Keller Khan
Kim Klein Kovacs Lee Lopez Meyer Moreau Moretti Murphy Nakamura Nguyen Novak Okafor Olsen Patel
Pereira Popov Reed Rossi Sato Schmidt Silva Singh Smith Tanaka Torres Walker Weber Young Zhang
""")
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


def credit_card(brand: str, numbers: Numbers, rng: random.Random) -> Card:
    number = numbers.fresh(7)
    return Card(
        source="credit_card",
        id=f"credit_card_{number}",
        brand=brand,
        last_four=str(rng.randint(1000, 9999)),
    )


def full_names(count: int, rng: random.Random) -> list[tuple[str, str]]:
    """First and last names; no two have either in common."""
    return [*zip(rng.sample(FIRST_NAMES, count), rng.sample(LAST_NAMES, count), strict=True)]


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


def address_line(address: Address) -> str:
    return (
        f"{address['address1']}, {address['address2']}, {address['city']}, "
        f"{address['state']} {address['zip']}, {address['country']}"
    )


def words_for(method: Method, others: Sequence[Method]) -> tuple[str, ...]:
    """Phrases that tell a way to pay from the others: "credit card" only if there is one."""
    source = str(method["source"]).replace("_", " ")
    if "brand" not in method:
        return (source,)
    brand, number = str(method["brand"]).lower(), str(method["id"]).replace("_", " ")
    named = (brand, str(method["last_four"]), number)
    if any(other["source"] == method["source"] for other in others):
        return named
    return (source, *named)


def conflicting(method: Method, others: Sequence[Method]) -> tuple[str, ...]:
    """Phrases for the others that are none for the method."""
    own = words_for(method, others)
    return tuple(w for other in others for w in words_for(other, [method]) if w not in own)
