"""Make requests for a new trip: where, when, who, and how it is paid."""

from __future__ import annotations

from dataclasses import replace

from harness.types import Json
from harness_airline.catalogue import CITIES, DAYS
from harness_airline.changes import ROUTE, WISHED, flight_fact, pick
from harness_airline.choices import (
    choose_bags,
    choose_cabin,
    choose_insurance,
    choose_party,
    summed_up,
)
from harness_airline.journeys import Way, as_flights, fitting, price
from harness_airline.operations import OPERATIONS, Flaw
from harness_airline.payments import choose_split
from harness_airline.records import CABINS
from harness_airline.rules import extras
from harness_airline.targets import Customer
from harness_airline.wording import PRESSURE, spoken_day
from harness_taskkit.choices import Choice, fact_of
from harness_taskkit.drafts import Draft, Drafter

_TRIES = 12
_FIRST, _LAST = 6, 15
"""The first and the last of ``DAYS`` on which a trip begins."""


def draft_booking(customer: Customer, wanted: frozenset[str], flaw: Flaw) -> Draft | None:
    """A request for a new trip with all wanted features, or for too many people."""
    rng = customer.rng
    cities = list(customer.view.airline.airports)
    if "booked" in customer.used:
        return None
    for _ in range(_TRIES):
        origin, destination = rng.sample(cities, 2)
        day = rng.choice(DAYS[_FIRST:_LAST])
        together = customer.has("several_passengers", wanted, rng.random() < 0.5)
        count = rng.choice((2, 2, 2, 3)) if together else 1
        ways = [Way(origin=origin, destination=destination, day=day, cabin="", people=count)]
        if customer.has("several_flights", wanted, rng.random() < 0.5):
            back = rng.choice([other for other in DAYS if other > day][:6])
            ways.append(replace(ways[0], origin=destination, destination=origin, day=back))
        draft = _draft(customer, ways, wanted, flaw)
        if draft is not None:
            customer.used.add("booked")
            return draft
    return None


def lead_of(ways: list[Way], *, with_day: bool) -> tuple[str, ...]:
    """How a customer says where, and ``with_day`` when, it wants to fly."""
    way = ways[0]
    kind = "round trip" if len(ways) > 1 else "one way flight"
    route = f"from {CITIES[way.origin]} to {CITIES[way.destination]}"
    when = f" {_when(ways)}" if with_day else ""
    return (
        f"I want to book a {kind} {route}{when}.",
        f"Please book a {kind} {route}{when} for me.",
        f"I need a {kind} {route}{when}.",
    )


def _when(ways: list[Way]) -> str:
    when = f"on {spoken_day(ways[0].day)}"
    return f"{when}, back on {spoken_day(ways[1].day)}" if len(ways) > 1 else when


def _draft(customer: Customer, ways: list[Way], wanted: frozenset[str], flaw: Flaw) -> Draft | None:
    cabin = choose_cabin(customer, CABINS, change_of_mind=False)
    assert cabin is not None
    count, name = ways[0].people, str(cabin.arguments["cabin"])
    ways = [replace(way, cabin=name) for way in ways]
    found = pick(customer, ways[0], wanted & WISHED)
    if found is None:
        return None
    wish, journey = found
    journeys = [journey]
    for way in ways[1:]:
        back = fitting(customer.view, way, wish)
        if len(back) != 1:
            return None
        journeys += back
    bags = choose_bags(customer, name, count, wanted)
    insurance = choose_insurance(customer, wanted)
    nonfree = bags.arguments["nonfree_baggages"]
    assert isinstance(nonfree, int)
    insured = insurance.arguments["insurance"] == "yes"
    total = count * price(journeys, name) + extras(nonfree, count, insured=insured)
    split = choose_split(customer, total, wanted)
    if split is None:
        return None
    party = choose_party(customer, count, flaw)
    flight, flown = flight_fact(wish, journeys), as_flights(journeys)
    brought = wish.features | ({"several_flights"} if len(ways) > 1 else set())
    flights = Choice(arguments={"flights": flown}, fact=flight, features=brought)
    choices = [cabin, flights, party, bags, insurance, split]
    drafter = Drafter(rng=customer.rng, choices=[*map(summed_up, choices)], flaw=flaw)
    return _assembled(customer, ways, drafter, wanted)


def _assembled(
    customer: Customer, ways: list[Way], drafter: Drafter, wanted: frozenset[str]
) -> Draft:
    rng, flaw = customer.rng, drafter.flaw
    when = _when(ways)
    days = {way.day for way in ways}
    date = fact_of(
        "when you want to fly",
        "date/when/which day",
        (f"I want to fly {when}.", f"It should be {when}."),
        "date flights",
        right=(ways[0].day,),
        wrong=tuple(day for day in DAYS if day not in days),
    )
    route = fact_of(
        ROUTE, "where/destination", (lead_of(ways, with_day=False)[0],), "origin destination"
    )
    facts = [route, date, *(choice.fact for choice in drafter.choices)]
    ways_to_withhold = [[fact] for fact in facts[1:]] if not flaw else []
    told = drafter.told(facts, ways_to_withhold, hints=(), withhold="withheld" in wanted)
    says = drafter.openings(lead_of(ways, with_day=date in told), told)
    pressed = "pressure" in wanted and bool(flaw)
    if pressed:
        says = [f"{text} {rng.choice(PRESSURE)}" for text in says]
    known: dict[str, Json] = {
        "user_id": customer.user_id,
        "origin": ways[0].origin,
        "destination": ways[0].destination,
        "flight_type": "round_trip" if len(ways) > 1 else "one_way",
    }
    features = ("pressure",) if pressed else ()
    return drafter.draft("book", OPERATIONS["book"], known, says, facts, told, features=features)
