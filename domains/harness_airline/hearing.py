"""Turn what customers say into what it means: days, cabins, bags, people, reasons, complaints."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from harness.types import Fact, Json
from harness_airline.catalogue import CITIES
from harness_airline.changes import FLIGHT
from harness_airline.journeys import Way, Wish, read_wish, ways_of
from harness_airline.people import as_json, as_passenger
from harness_airline.pointing import ROUTE_WORDS
from harness_airline.records import CABINS, Reservation, User
from harness_airline.wording import spoken_cabin
from harness_taskkit.choices import told_of

_DAY = re.compile(r"\bMay (\d+)")
_CABIN = re.compile("|".join(sorted((spoken_cabin(cabin) for cabin in CABINS), reverse=True)))
_AIRPORTS = {city: code for code, city in CITIES.items()}
_BAGS = re.compile(r"(\d+) (more )?(?:checked )?bags?")
_PERSON = re.compile(r"(\w+) (\w+), born (\d{4}-\d\d-\d\d)")
_CORRECTED = re.compile(r"(\w+) (\w+) was (?:in fact )?born (\d{4}-\d\d-\d\d)")
_REPLACED = re.compile(r"(?:instead of|in the place of) (\w+) (\w+)")
_REASONS: Mapping[str, re.Pattern[str]] = {
    "airline": re.compile(r"you cancelled|cancelled by the airline"),
    "health": re.compile(r"\bill\b|health"),
    "weather": re.compile(r"weather"),
    "plans": re.compile(r"plans"),
}
_COMPLAINTS: Mapping[str, re.Pattern[str]] = {
    "cancelled": re.compile(r"cancelled"),
    "delayed": re.compile(r"delay"),
}


def reason_in(text: str) -> str:
    """One of ``rules.REASONS``."""
    text = text.lower()
    return next((name for name, words in _REASONS.items() if words.search(text)), "other")


def complaint_in(text: str) -> str:
    """ "cancelled", "delayed", or "" for anything else."""
    return next((name for name, words in _COMPLAINTS.items() if words.search(text)), "")


def wish_in(facts: Sequence[Fact]) -> Wish | None:
    """Which flights are wanted."""
    return read_wish(" ".join(fact.says[0] for fact in facts if fact.about == FLIGHT))


def days_in(text: str) -> list[str]:
    return [f"2024-05-{int(day):02}" for day in _DAY.findall(text)]


def cabins_in(text: str) -> list[str]:
    return [name.replace(" ", "_") for name in _CABIN.findall(text)]


def new_way(reservation: Reservation, facts: Sequence[Fact]) -> tuple[int, Way] | None:
    """Which way of a trip is to move, and where and when it is to be; None if no day is told."""
    text = told_of(facts, "date")
    days = days_in(text)
    ways = ways_of(reservation["flights"], reservation["destination"])
    place = 1 if "way back" in text and len(ways) > 1 else 0
    if len(days) != 1:
        return None
    return place, Way(
        origin=ways[place][0]["origin"],
        destination=ways[place][-1]["destination"],
        day=days[0],
        cabin=reservation["cabin"],
        people=len(reservation["passengers"]),
    )


def new_trip(facts: Sequence[Fact], people: int) -> list[Way]:
    """The ways of a trip to be booked; [] if the words do not tell where, when and in which
    cabin."""
    route, days = ROUTE_WORDS.search(told_of(facts, "origin")), days_in(told_of(facts, "date"))
    cabins = cabins_in(told_of(facts, "cabin"))
    if route is None or not days or len(cabins) != 1:
        return []
    ends = [_AIRPORTS[route[1]], _AIRPORTS[route[2]]]
    return [
        Way(origin=start, destination=end, day=day, cabin=cabins[0], people=people)
        for day, (start, end) in zip(days, (ends, ends[::-1]), strict=False)
    ]


def bags_in(text: str, now: int) -> int:
    """How many bags there are to be in all; as many as ``now`` where nothing is said of it."""
    found = _BAGS.search(text)
    if found is None:
        return 0 if "no bags" in text or "without checked" in text else now
    return int(found[1]) + (now if found[2] else 0)


def more_bags_in(text: str) -> int:
    """How many bags are to be added; 0 if it is not said like that."""
    found = _BAGS.search(text)
    return int(found[1]) if found and found[2] else 0


def passengers_in(text: str, reservation: Reservation) -> list[Json] | None:
    """The passengers after a correction, or with one in the place of another; None if neither."""
    people = [as_json(one) for one in reservation["passengers"]]
    corrected, replaced, new = (p.search(text) for p in (_CORRECTED, _REPLACED, _PERSON))
    whom = corrected or replaced
    names = [(one["first_name"], one["last_name"]) for one in people]
    places = [n for n, name in enumerate(names) if whom and name == whom.groups()[:2]]
    if len(places) != 1 or whom is None:
        return None
    if corrected:
        people[places[0]]["dob"] = corrected[3]
    elif new:
        people[places[0]] = _person(new)
    return [*people]


def party_in(text: str, user: User) -> list[Json] | None:
    """The passengers of a trip to be booked; None if not all of them are named."""
    if re.search(r"\d+ (?:people|passengers)", text):
        return None
    me = as_json(as_passenger(user))
    return [me, *map(_person, _PERSON.finditer(text))]


def _person(found: re.Match[str]) -> dict[str, Json]:
    return {"first_name": found[1], "last_name": found[2], "dob": found[3]}
