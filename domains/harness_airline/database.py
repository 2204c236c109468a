"""Turn a name such as ``airline/train/17`` into a small airline: flights, customers, trips."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import lru_cache

from harness.types import Json, Split
from harness_airline.catalogue import CITIES, DAYS, NOW, TODAY, make_flights, price_paid
from harness_airline.people import as_passenger, make_user, passenger
from harness_airline.records import (
    Flight,
    Passenger,
    Payment,
    Reservation,
    Segment,
    User,
)
from harness_airline.rules import extras, free_bags
from harness_airline.state import Airline
from harness_taskkit.generated import split_of, started
from harness_taskkit.numbers import Numbers
from harness_taskkit.people import full_names
from harness_taskkit.plan import drawn

_USERS = 32
_TRIPS_PER_USER = {1: 15, 2: 35, 3: 35, 4: 15}
_CABINS = {"basic_economy": 32, "economy": 43, "business": 25}
_PASSENGERS = {1: 70, 2: 22, 3: 8}
_TIMES = {"ahead": 66, "disrupted": 18, "flown": 16}
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def database_name(split: Split, seed: int) -> str:
    return f"airline/{split}/{seed}"


@lru_cache(maxsize=256)
def database(name: str) -> Airline:
    """The airline of that name: the same on every machine; other splits share none of its ids.

    Raises ``ConfigError`` if the name is not ``airline/SPLIT/SEED``.
    """
    return _Builder(name, split_of(name, "airline")).build()


def airline_of(world: Mapping[str, Json]) -> Airline:
    """The airline that a task starts in: its database, with the trips that were added for it.

    Raises ``ConfigError`` if there is no such database.
    """
    found: Airline = started(world, database, "reservations", "reservation_id")
    return found


def new_reservation_id(numbers: Numbers) -> str:
    """Six letters and digits, some of both; those of two splits are never the same."""
    while True:
        number, text = numbers.within(36**5, 36**6), ""
        while number:
            number, digit = divmod(number, 36)
            text = _DIGITS[digit] + text
        if not text.isdecimal() and not text.isalpha() and not text.startswith("HAT"):
            return text


def new_reservation(
    reservation_id: str,
    user: User,
    segments: Sequence[Segment],
    passengers: Sequence[Passenger],
    *,
    cabin: str,
    bags: int,
    insured: bool,
    created_at: str,
    paid_by: str,
) -> Reservation:
    """A reservation as it was booked, paid with one method; a round trip if it leads back."""
    people = len(passengers)
    is_round = len(segments) > 1 and segments[0]["origin"] == segments[-1]["destination"]
    nonfree = max(0, bags - free_bags(user["membership"], cabin, people))
    total = people * sum(segment["price"] for segment in segments)
    total += extras(nonfree, people, insured=insured)
    return Reservation(
        reservation_id=reservation_id,
        user_id=user["user_id"],
        origin=segments[0]["origin"],
        destination=segments[len(segments) // 2 - 1 if is_round else -1]["destination"],
        flight_type="round_trip" if is_round else "one_way",
        cabin=cabin,
        flights=list(segments),
        passengers=list(passengers),
        payment_history=[Payment(payment_id=paid_by, amount=total)],
        created_at=created_at,
        total_baggages=bags,
        nonfree_baggages=nonfree,
        insurance="yes" if insured else "no",
        status=None,
    )


class _Builder:
    def __init__(self, name: str, split: Split) -> None:
        self.name = name
        self.split = split
        self.rng = random.Random(name)
        self.numbers = Numbers(split, self.rng)
        self.reservations: dict[str, Reservation] = {}
        self.flights = make_flights(self.numbers, self.rng)

    def build(self) -> Airline:
        names = full_names(_USERS, self.rng)
        users = [make_user(first, last, self.numbers, self.rng) for first, last in names]
        for user in users:
            self._add_trips(user)
        flown = {flight["origin"] for flight in self.flights.values()}
        return Airline(
            name=self.name,
            split=self.split,
            now=NOW,
            airports={code: city for code, city in CITIES.items() if code in flown},
            flights=self.flights,
            users={user["user_id"]: user for user in users},
            reservations=self.reservations,
        )

    def _add_trips(self, user: User) -> None:
        """Give the user trips; where there are several, two often go the same way."""
        before: Segment | None = None
        for _ in range(drawn(_TRIPS_PER_USER, self.rng)):
            again = before is not None and self.rng.random() < 0.35
            first = self._first_flight(before if again else None)
            segments = self._segments(*first)
            trip = self._trip(user, segments)
            if trip["reservation_id"] in self.reservations:
                continue
            self.reservations[trip["reservation_id"]] = trip
            user["reservations"].append(trip["reservation_id"])
            before = segments[0]

    def _first_flight(self, like: Segment | None) -> tuple[Flight, str]:
        """A flight and its day: of the route of another trip if one is given, on another day."""
        time = drawn(_TIMES, self.rng)
        wanted = {
            "ahead": ("available",),
            "disrupted": ("cancelled", "delayed"),
            "flown": ("landed", "flying"),
        }[time]
        days = DAYS[1:4] if time == "flown" else DAYS[2:9] if time == "disrupted" else DAYS[5:14]
        flights = [
            flight
            for flight in self.flights.values()
            if like is None
            or (flight["origin"], flight["destination"]) == (like["origin"], like["destination"])
        ]
        pairs = [
            (flight, day)
            for flight in flights
            for day in days
            if flight["dates"][day]["status"] in wanted and (not like or day != like["date"])
        ]
        return self.rng.choice(pairs) if pairs else (self.rng.choice(flights), DAYS[9])

    def _segments(self, flight: Flight, day: str) -> list[Segment]:
        """One way with one stop at most, or there and back."""
        first = [segment_of(flight, day)]
        if self.rng.random() < 0.4:
            home = self._back(flight, day)
            return [*first, home] if home else first
        if self.rng.random() < 0.3:
            onward = [
                other
                for other in self.flights.values()
                if other["origin"] == flight["destination"]
                and other["destination"] != flight["origin"]
                and other["scheduled_departure_time_est"] >= flight["scheduled_arrival_time_est"]
                and other["dates"][day]["status"] not in ("landed", "flying")
            ]
            if onward:
                return [*first, segment_of(self.rng.choice(onward), day)]
        return first

    def _back(self, flight: Flight, day: str) -> Segment | None:
        later = [other for other in DAYS if other > max(day, TODAY)][1:7]
        pairs = [
            (other, date)
            for other in self.flights.values()
            for date in later
            if (other["destination"], other["origin"]) == (flight["origin"], flight["destination"])
            and other["dates"][date]["status"] == "available"
        ]
        return segment_of(*self.rng.choice(pairs)) if pairs else None

    def _trip(self, user: User, segments: list[Segment]) -> Reservation:
        rng, cabin = self.rng, drawn(_CABINS, self.rng)
        for segment in segments:
            segment["price"] = price_paid(cabin, rng)
        others = [*user["saved_passengers"], *(passenger(rng) for _ in range(2))]
        known = {as_passenger(user)["first_name"]: as_passenger(user)}
        for other in others:
            known.setdefault(other["first_name"], other)
        people = list(known.values())[: drawn(_PASSENGERS, rng)]
        free = free_bags(user["membership"], cabin, len(people))
        is_new = segments[0]["date"] > DAYS[4] and rng.random() < 0.14
        day, hour = (
            ("14", rng.randint(16, 23)) if rng.random() < 0.5 else ("15", rng.randint(1, 14))
        )
        created = f"2024-05-{day}T{hour:02}" if is_new else f"2024-05-{rng.randint(1, 11):02}T10"
        paying = [m["id"] for m in user["payment_methods"].values() if m["source"] != "certificate"]
        return new_reservation(
            new_reservation_id(self.numbers),
            user,
            segments,
            people,
            cabin=cabin,
            bags=rng.randint(0, free + 1) if free else rng.choice((0, 0, 1)),
            insured=rng.random() < 0.4,
            created_at=f"{created}:{rng.randint(0, 59):02}:00",
            paid_by=rng.choice(paying),
        )


def segment_of(flight: Flight, day: str, price: int = 0) -> Segment:
    """The flight as a reservation has it; ``price`` in US dollars is what one passenger paid."""
    number, origin, destination = flight["flight_number"], flight["origin"], flight["destination"]
    return Segment(
        flight_number=number, origin=origin, destination=destination, date=day, price=price
    )
