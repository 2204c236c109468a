"""Flights that a customer would take: its wish in words, read back, and what fits it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.types import Json
from harness_airline.reads import Offer
from harness_airline.records import Segment
from harness_airline.view import View

Scope = Literal["nonstop", "one stop", "nonstop else", "any"]
Order = Literal["", "cheapest", "earliest", "latest"]

Journey = tuple[Offer, ...]
"""The flights of one way, one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a way is to be flown; times such as 11:00 are those of departure, "" if any will do.

    "nonstop else": with one stop only if there is no nonstop flight that can be booked.
    """

    scope: Scope = "nonstop"
    order: Order = ""
    at: str = ""
    after: str = ""
    before: str = ""

    @property
    def features(self) -> frozenset[str]:
        named = {
            "cheapest": self.order == "cheapest",
            "time_window": bool(self.after or self.before),
            "one_stop": self.scope == "one stop",
            "nonstop_else": self.scope == "nonstop else",
            "earliest": self.scope == "nonstop" and self.order in ("earliest", "latest"),
            "any_stops": self.scope == "any",
        }
        return frozenset(name for name, has in named.items() if has)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """From one airport to another on a day, for so many people in a cabin."""

    origin: str
    destination: str
    day: str
    cabin: str
    people: int


def sentences(wish: Wish) -> tuple[str, ...]:
    """The wish in words."""
    window = f" that leaves after {wish.after}" if wish.after else ""
    window = f" that leaves before {wish.before}" if wish.before else window
    order = f"{wish.order} " if wish.order else ""
    if wish.at:
        return (
            f"I want the nonstop flight at {wish.at}.",
            f"Please take the nonstop flight that leaves at {wish.at}.",
        )
    phrase = {
        "nonstop": f"the {order}nonstop flight{window}",
        "one stop": f"the {order}connection with one stop{window}",
        "nonstop else": f"the {order}nonstop flight{window}, or if there is none, "
        f"the {order}connection with one stop",
        "any": f"the {order}way to get there, nonstop or with one stop",
    }[wish.scope]
    return (f"I want {phrase}.", f"Please take {phrase}.", f"It should be {phrase}.")


def read_wish(text: str) -> Wish | None:
    """The wish that words tell; None if they tell none."""
    scope: Scope = "nonstop"
    if "nonstop or with" in text:
        scope = "any"
    elif "if there is none" in text:
        scope = "nonstop else"
    elif "one stop" in text:
        scope = "one stop"
    elif "nonstop" not in text:
        return None
    order: Order = next((name for name in _ORDERS if name in text), "")
    return Wish(scope=scope, order=order, **{name: _time(text, name) for name in _TIMES})


def fitting(view: View, way: Way, wish: Wish) -> list[Journey]:
    """The journeys with enough seats that the wish fits: one where nothing is left open."""
    nonstop = list(_bookable(view.nonstop(way.origin, way.destination, way.day), way, wish))
    if wish.scope == "nonstop" or (wish.scope == "nonstop else" and nonstop):
        return _first(nonstop, way, wish.order)
    one_stop = _bookable(view.one_stop(way.origin, way.destination, way.day), way, wish)
    found = [*one_stop] if wish.scope != "any" else [*nonstop, *one_stop]
    return _first(found, way, wish.order)


def wishes(view: View, way: Way) -> Iterator[Wish]:
    """Every wish that leaves nothing open on that way."""
    nonstop = view.nonstop(way.origin, way.destination, way.day)
    times = sorted({_departure(journey) for journey in nonstop})
    found = [Wish(at=time) for time in times]
    for scope in _SCOPES:
        found += [Wish(scope=scope, order=order) for order in _ORDERS]
    for time in times:
        found += [Wish(after=_shifted(time, -1)), Wish(before=_shifted(time, 1))]
        found += [Wish(order="cheapest", after=_shifted(time, -1))]
    for wish in found:
        if len(fitting(view, way, wish)) == 1:
            yield wish


def price(journeys: Sequence[Journey], cabin: str) -> int:
    """What the journeys cost one passenger, in US dollars."""
    return sum(flight["prices"][cabin] for journey in journeys for flight in journey)


def as_flights(journeys: Sequence[Sequence[Offer | Segment]]) -> list[Json]:
    """The flights of all ways as tools take them."""
    return [
        {"flight_number": flight["flight_number"], "date": flight["date"]}
        for journey in journeys
        for flight in journey
    ]


def moved(ways: Sequence[Sequence[Segment]], place: int, journey: Journey) -> list[Json]:
    """All flights as tools take them, the journey in the place of one of the ways."""
    return as_flights([journey if n == place else part for n, part in enumerate(ways)])


def ways_of(flights: Sequence[Segment], destination: str) -> list[list[Segment]]:
    """The flights there, and those back if there are any."""
    there = next(
        (n for n, flight in enumerate(flights, start=1) if flight["destination"] == destination),
        len(flights),
    )
    return [part for part in (list(flights[:there]), list(flights[there:])) if part]


_SCOPES: tuple[Scope, ...] = ("nonstop", "one stop", "nonstop else", "any")
_ORDERS: tuple[Order, ...] = ("cheapest", "earliest", "latest")
_TIMES = ("at", "after", "before")


def _bookable(journeys: Sequence[Journey], way: Way, wish: Wish) -> Iterator[Journey]:
    for journey in journeys:
        time = _departure(journey)
        if (
            all(flight["available_seats"][way.cabin] >= way.people for flight in journey)
            and (not wish.at or time == wish.at)
            and (not wish.after or time > wish.after)
            and (not wish.before or time < wish.before)
        ):
            yield journey


def _first(journeys: list[Journey], way: Way, order: Order) -> list[Journey]:
    """Those that come first in the order: several where they are equal."""
    if not order or not journeys:
        return journeys
    if order == "cheapest":
        least = min(price([journey], way.cabin) for journey in journeys)
        return [journey for journey in journeys if price([journey], way.cabin) == least]
    time = (min if order == "earliest" else max)(map(_departure, journeys))
    return [journey for journey in journeys if _departure(journey) == time]


def _departure(journey: Journey) -> str:
    return journey[0]["scheduled_departure_time_est"][:5]


def _shifted(time: str, hours: int) -> str:
    return f"{int(time[:2]) + min(hours, 0):02}:30"


def _time(text: str, name: str) -> str:
    found = re.search(rf"\b{name} (\d\d:\d\d)", text)
    return found[1] if found else ""
