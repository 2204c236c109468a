"""Pick other flights or another cabin for a reservation, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.types import Fact
from harness_airline.catalogue import CITIES, DAYS, TODAY
from harness_airline.choices import choose_cabin
from harness_airline.journeys import (
    Journey,
    Way,
    Wish,
    fitting,
    moved,
    price,
    sentences,
    ways_of,
    wishes,
)
from harness_airline.operations import Flaw
from harness_airline.records import CABINS, Reservation, Segment
from harness_airline.targets import Customer
from harness_airline.wording import CHANGES_OF_MIND, date_sentences, spoken_day
from harness_taskkit.choices import Choice, FirstThought, fact_of
from harness_taskkit.wording import revised

ROUTE = "where you want to fly"
DATE = "the new date"
FLIGHT = "which flight suits you"
_UNASKED = frozenset({"earliest", "any_stops"})
WISHED = frozenset({"cheapest", "time_window", "one_stop", "nonstop_else"}) | _UNASKED
"""The features that a wish for flights can have."""

_REFUSALS = {
    "basic_economy": "basic economy flights cannot be changed",
    "route": "origin and destination of a reservation cannot be changed",
}
_LEFT_OPEN = 0.4
"""How often customers may describe flights by what nobody asked for, such as the earliest."""
_FIRST_FREE_DAY = 5
"""The first of ``DAYS`` on which flights can be booked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Choices that change the flights, and what is due for it in US dollars, below 0 a refund."""

    choices: list[Choice]
    due: int
    refusal: str = ""


def choose_flights(
    customer: Customer, reservation: Reservation, wanted: frozenset[str], flaw: Flaw
) -> Change | None:
    """Another day for the way there or the way back; with the flaw "route" another destination."""
    rng, ways = customer.rng, ways_of(reservation["flights"], reservation["destination"])
    place = rng.randrange(len(ways))
    old = ways[place]
    goal = old[-1]["destination"]
    if flaw == "route":
        place, old = 0, ways[0]
        ends = (reservation["origin"], reservation["destination"])
        goal = rng.choice([code for code in customer.view.airline.airports if code not in ends])
    days = _days_for(ways, place)
    for day in rng.sample(days, len(days)):
        way = Way(
            origin=old[0]["origin"],
            destination=goal,
            day=day,
            cabin=reservation["cabin"],
            people=len(reservation["passengers"]),
        )
        found = pick(customer, way, wanted & WISHED)
        if found is None:
            continue
        wish, journey = found
        return _changed(customer, reservation, place, way, wish, journey, wanted, flaw)
    return None


def pick(customer: Customer, way: Way, wanted: frozenset[str]) -> tuple[Wish, Journey] | None:
    """A wish with these features that one journey fits; None if there is none.

    It has no others but those that the customer need not avoid.
    """
    free = _UNASKED - customer.avoided
    found = [
        wish
        for wish in wishes(customer.view, way)
        if wanted <= wish.features and wish.features - free == wanted - free
    ]
    if not found:
        return None
    named = [wish for wish in found if wish.features == wanted]
    left_open = customer.rng.random() < _LEFT_OPEN or not named
    wish = customer.rng.choice(found if left_open else named)
    (journey,) = fitting(customer.view, way, wish)
    return wish, journey


def choose_cabin_change(
    customer: Customer, reservation: Reservation, wanted: frozenset[str], flaw: Flaw
) -> Change | None:
    """Another cabin on all flights; with the flaw "one_cabin" on one of them only."""
    people, flights = len(reservation["passengers"]), reservation["flights"]
    if flaw == "cabin":
        cabins = [cabin for cabin in CABINS if cabin != reservation["cabin"]]
        choice = choose_cabin(customer, cabins, change_of_mind=False)
        why = "the cabin cannot be changed once a flight has been flown"
        assert choice is not None
        return Change(choices=[replace(choice, refusal=why)], due=0)
    prices = {cabin: _price(customer, flights, cabin, people) for cabin in CABINS}
    cabins = [c for c, known in prices.items() if known is not None and c != reservation["cabin"]]
    choice = choose_cabin(customer, cabins, change_of_mind="change_of_mind" in wanted)
    if choice is None:
        return None
    if flaw == "one_cabin":
        return Change(choices=[_on_one_flight(customer, flights, choice)], due=0)
    new = prices[str(choice.arguments["cabin"])]
    assert new is not None
    return Change(choices=[choice], due=people * (new - sum(f["price"] for f in flights)))


def _changed(
    customer: Customer,
    reservation: Reservation,
    place: int,
    way: Way,
    wish: Wish,
    journey: Journey,
    wanted: frozenset[str],
    flaw: Flaw,
) -> Change | None:
    """The change to that journey; after another day first with ``change_of_mind``."""
    ways = ways_of(reservation["flights"], reservation["destination"])
    flights = moved(ways, place, journey)
    kept = [f for n, part in enumerate(ways) if n != place for f in part]
    old = sum(f["price"] for part in ways for f in part)
    due = way.people * (price([journey], way.cabin) + sum(f["price"] for f in kept) - old)
    if flaw == "route":
        due = way.people * price([journey], way.cabin)
    named = _date_fact(way.day, place, len(ways), kept)
    date = Choice(arguments={"flights": [*flights]}, fact=named)
    choices = [
        date,
        Choice(arguments={}, fact=flight_fact(wish, [journey]), features=wish.features),
    ]
    if flaw == "route":
        choices.insert(0, Choice(arguments={}, fact=_route_fact(way.destination)))
    if "change_of_mind" in wanted and not flaw:
        first = _another_day(customer, ways, place, way, wish)
        if first is None:
            return None
        day, before = first
        fact = replace(named, says=revised(named.says, CHANGES_OF_MIND), volunteered=True)
        thought = FirstThought(
            arguments={"flights": [*moved(ways, place, before)]},
            says=_date_fact(day, place, len(ways), kept).says,
        )
        choices[0] = replace(date, fact=fact, features=frozenset({"change_of_mind"}), first=thought)
    return Change(choices=choices, due=due, refusal=_REFUSALS.get(flaw, ""))


def _another_day(
    customer: Customer, ways: Sequence[Sequence[Segment]], place: int, way: Way, wish: Wish
) -> tuple[str, Journey] | None:
    """A day on which the same wish leads to one journey as well."""
    for day in _days_for(ways, place):
        found = fitting(customer.view, replace(way, day=day), wish) if day != way.day else []
        if len(found) == 1:
            return day, found[0]
    return None


def _days_for(ways: Sequence[Sequence[Segment]], place: int) -> list[str]:
    """The days to which a way can move: not the one it is on, and never after the way back."""
    least = max(ways[0][-1]["date"], TODAY) if place else TODAY
    most = ways[1][0]["date"] if place == 0 and len(ways) > 1 else DAYS[-1]
    now = ways[place][0]["date"]
    return [day for day in DAYS[_FIRST_FREE_DAY:] if least < day < most and day != now]


def _price(customer: Customer, flights: Sequence[Segment], cabin: str, people: int) -> int | None:
    """What all flights cost one passenger now; None if some cannot be booked for all."""
    total = 0
    for flight in flights:
        shown = customer.view.nonstop(flight["origin"], flight["destination"], flight["date"])
        found = [one for (one,) in shown if one["flight_number"] == flight["flight_number"]]
        if not found or found[0]["available_seats"][cabin] < people:
            return None
        total += found[0]["prices"][cabin]
    return total


def _on_one_flight(customer: Customer, flights: Sequence[Segment], choice: Choice) -> Choice:
    """The cabin for one of the flights only."""
    flight = customer.rng.choice(flights)
    where = f"only on the flight from {CITIES[flight['origin']]} to {CITIES[flight['destination']]}"
    says = tuple(f"{text[:-1]}, but {where}." for text in choice.fact.says)
    why = "all flights of a reservation have the same cabin"
    return replace(choice, fact=replace(choice.fact, says=says), refusal=why)


def _route_fact(destination: str) -> Fact:
    city = CITIES[destination]
    return fact_of(
        ROUTE,
        "where/destination",
        (f"It should go to {city} instead.", f"I want to fly to {city} instead."),
        "flights",
    )


def _date_fact(day: str, place: int, ways: int, kept: Sequence[Segment]) -> Fact:
    says = date_sentences(day)
    if ways > 1:
        which = "way back" if place else "way there"
        says = (
            f"Please move the {which} to {spoken_day(day)}.",
            f"The {which} should be on {spoken_day(day)}.",
        )
    elsewhere = {flight["date"] for flight in kept}
    return fact_of(
        DATE,
        "date/which day/what day",
        says,
        "date flights",
        right=(day,),
        wrong=tuple(other for other in DAYS if other != day and other not in elsewhere),
    )


def flight_fact(wish: Wish, journeys: Sequence[Journey]) -> Fact:
    """Which flights are wanted: the customer recognises them by the first of each way."""
    first = [journey[0]["flight_number"].lower() for journey in journeys]
    asked_by = "which flight/what flight/what time/nonstop"
    return fact_of(FLIGHT, asked_by, sentences(wish), "flights", right=first)
