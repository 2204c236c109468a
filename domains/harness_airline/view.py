"""An airline in the middle of a conversation, read through its own tools."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from harness.types import Json, ToolCall
from harness_airline.compat import FIXED, Compat
from harness_airline.reads import Offer
from harness_airline.records import Reservation, User
from harness_airline.state import Airline
from harness_airline.tools import AirlineWorld


class View:
    """One conversation's airline: what look-ups show now, and calls that change it."""

    def __init__(self, airline: Airline, compat: Compat = FIXED) -> None:
        self.airline = airline
        self.world = AirlineWorld(airline, compat)

    def does(self, call: ToolCall) -> bool:
        """Whether the call goes through; it is made."""
        return not self.world.call(call).is_error

    def user(self, user_id: str) -> User:
        return cast(User, self._read("get_user_details", user_id=user_id))

    def reservation(self, reservation_id: str) -> Reservation:
        found = self._read("get_reservation_details", reservation_id=reservation_id)
        return cast(Reservation, found)

    def status(self, flight_number: str, date: str) -> str:
        call = ToolCall(
            name="get_flight_status", arguments={"flight_number": flight_number, "date": date}
        )
        return self.world.call(call).content

    def nonstop(self, origin: str, destination: str, day: str) -> Sequence[tuple[Offer, ...]]:
        """The direct flights of that day that can be booked."""
        found: list[Offer] = self._search("search_direct_flight", origin, destination, day)
        for flight in found:
            flight["date"] = day
        return [(flight,) for flight in found]

    def one_stop(self, origin: str, destination: str, day: str) -> Sequence[tuple[Offer, ...]]:
        """The pairs of flights of that day that can be booked."""
        found: list[list[Offer]] = self._search("search_onestop_flight", origin, destination, day)
        return [tuple(pair) for pair in found]

    def _search(self, tool: str, origin: str, destination: str, date: str) -> Any:
        return self._read(tool, origin=origin, destination=destination, date=date)

    def _read(self, tool: str, **arguments: Json) -> Any:
        return json.loads(self.world.call(ToolCall(name=tool, arguments=arguments)).content)
