"""One shared airline that is never written, and the overlay of what one conversation changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from harness.types import Split
from harness_airline.compat import Compat
from harness_airline.records import Flight, FlightDate, Reservation, User
from harness_taskkit.state import Overlay as Records
from harness_taskkit.state import ToolError, copied


@dataclass(frozen=True, kw_only=True)
class Airline:
    """An airline before anybody calls. Shared by all conversations: read it, never write to it.

    ``now`` is the time at which all conversations take place, such as 2024-05-15T15:00:00.
    ``airports``: cities by the three letters of their airport. The cached properties are about
    what no tool can change.
    """

    name: str
    split: Split
    now: str
    airports: Mapping[str, str]
    flights: Mapping[str, Flight]
    users: Mapping[str, User]
    reservations: Mapping[str, Reservation]

    @cached_property
    def tables(self) -> Mapping[str, Mapping[str, Any]]:
        """All records by kind and id."""
        return {"flights": self.flights, "users": self.users, "reservations": self.reservations}

    @cached_property
    def airport_text(self) -> str:
        """All airports as JSON."""
        return json.dumps([{"iata": iata, "city": city} for iata, city in self.airports.items()])

    @cached_property
    def routes(self) -> Mapping[tuple[str | None, str | None], Sequence[str]]:
        """Numbers of flights by origin and destination; None stands for any."""
        found: dict[tuple[str | None, str | None], list[str]] = {}
        for number, flight in self.flights.items():
            for origin in (flight["origin"], None):
                for destination in (flight["destination"], None):
                    found.setdefault((origin, destination), []).append(number)
        return found


class Overlay(Records[Airline, Compat]):
    """An airline seen through the writes of one conversation."""

    __slots__ = ()

    def user(self, user_id: str) -> User:
        """The user as it is now, to be read only. Raises ``ToolError``."""
        return cast(User, self.record("users", user_id, f"User {user_id}"))

    def reservation(self, reservation_id: str) -> Reservation:
        """The reservation as it is now, to be read only. Raises ``ToolError``."""
        named = f"Reservation {reservation_id}"
        return cast(Reservation, self.record("reservations", reservation_id, named))

    def flight(self, number: str) -> Flight:
        """The flight as it is now, to be read only. Raises ``ToolError``."""
        return cast(Flight, self.record("flights", number, f"Flight {number}"))

    def flight_date(self, number: str, date: str) -> FlightDate:
        """The flight on that day as it is now, to be read only. Raises ``ToolError``."""
        dates = self.flight(number)["dates"]
        if date not in dates:
            raise ToolError(f"Flight {number} not found on date {date}")
        return dates[date]

    def flights_between(self, origin: str | None, destination: str | None) -> Iterable[Flight]:
        """The flights of a route, in the order of the database; None stands for any airport.

        There are none for what is no text.
        """
        if not all(place is None or isinstance(place, str) for place in (origin, destination)):
            return ()
        return map(self.flight, self.database.routes.get((origin, destination), ()))

    def writable_user(self, user_id: str) -> User:
        """This conversation's own copy of the user, made on the first write."""
        return cast(User, self.writable("users", user_id, "User"))

    def writable_reservation(self, reservation_id: str) -> Reservation:
        """This conversation's own copy of the reservation, made on the first write."""
        return cast(Reservation, self.writable("reservations", reservation_id, "Reservation"))

    def take_seats(self, number: str, date: str, cabin: str, count: int) -> None:
        """Make the free seats of a flight on a day fewer by ``count``, more if it is below 0.

        Days of which no seats are known stay as they are. Of the flight only that day is copied.
        """
        flight = self.flight(number)
        if "available_seats" not in flight["dates"][date]:
            return
        if flight is self.database.flights.get(number):
            flight = Flight(**{**flight, "dates": dict(flight["dates"])})
            self.put("flights", number, flight)
        dates, shared = flight["dates"], self.database.flights[number]["dates"]
        if dates[date] is shared[date]:
            dates[date] = copied(shared[date])
        dates[date]["available_seats"][cabin] -= count
