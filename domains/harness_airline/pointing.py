"""Find the reservations that words fit: by id, or by route and what tells two apart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from harness.types import Fact
from harness_airline.catalogue import CITIES
from harness_airline.records import Reservation
from harness_airline.wording import spoken_cabin, spoken_day

RESERVATION_ID = re.compile(r"\b(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z0-9]{6}\b")
ROUTE_WORDS = re.compile(rf"from ({'|'.join(CITIES.values())}) to ({'|'.join(CITIES.values())})")
_LEAVES = re.compile(r"leaves on May (\d+)")
_CABIN = re.compile(r"booked in (basic economy|economy|business)")
_NEEDED = ("reservation_id",)


def route_words(reservation: Reservation, cities: Mapping[str, str]) -> str:
    """ "from Boston to Denver"."""
    return f"from {cities[reservation['origin']]} to {cities[reservation['destination']]}"


def same_route(one: Reservation, other: Reservation) -> bool:
    return (one["origin"], one["destination"]) == (other["origin"], other["destination"])


def hints_for(reservation: Reservation, other: Reservation) -> list[tuple[str, ...]]:
    """Ways to tell a reservation from another one."""
    day, cabin = reservation["flights"][0]["date"], reservation["cabin"]
    kind = reservation["flight_type"]
    ways = []
    if day != other["flights"][0]["date"]:
        ways.append(f"that leaves on {spoken_day(day)}")
    if cabin != other["cabin"]:
        ways.append(f"booked in {spoken_cabin(cabin)}")
    hints: list[tuple[str, ...]]
    hints = [(f"I mean the one {way}.", f"It is the trip {way}.") for way in ways]
    if kind != other["flight_type"]:
        name = kind.replace("_", " ")
        hints.append((f"I mean the {name}.", f"It is the {name} of the two."))
    return hints


def pointers(facts: Sequence[Fact]) -> str:
    """What the facts say of the reservation."""
    return " ".join(fact.says[0] for fact in facts if fact.needed_for == _NEEDED)


def fitting_reservations(
    reservations: Sequence[Reservation], facts: Sequence[Fact]
) -> list[Reservation]:
    """Those that the facts fit."""
    text = pointers(facts)
    named = RESERVATION_ID.search(text)
    if named:
        return [one for one in reservations if one["reservation_id"] == named[0]]
    return [one for one in reservations if _fits(one, text)]


def _fits(reservation: Reservation, text: str) -> bool:
    route, day, cabin = ROUTE_WORDS.search(text), _LEAVES.search(text), _CABIN.search(text)
    kinds = {kind for kind in ("one way", "round trip") if kind in text}
    cities = (CITIES[reservation["origin"]], CITIES[reservation["destination"]])
    return (
        (route is None or route.groups() == cities)
        and (day is None or int(day[1]) == int(reservation["flights"][0]["date"][-2:]))
        and (cabin is None or cabin[1] == spoken_cabin(reservation["cabin"]))
        and kinds <= {reservation["flight_type"].replace("_", " ")}
    )
