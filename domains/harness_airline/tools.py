"""The airline's 14 tools as the agent sees them, and the world that carries out calls to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.types import Json, Tool, ToolCall, ToolKind
from harness_airline import reads, writes
from harness_airline.compat import FIXED, Compat
from harness_airline.records import CABINS, FLIGHT_TYPES
from harness_airline.state import Airline, Overlay
from harness_taskkit.state import ToolError
from harness_taskkit.toolbox import (
    INTEGER,
    STRING,
    Argument,
    Toolbox,
    ToolboxWorld,
    make_tool,
    objects,
    one_of,
)

_ARGUMENTS: Mapping[str, Argument] = {
    "amount": Argument("amount", "Whole US dollars.", INTEGER),
    "cabin": Argument("cabin", "The cabin of all flights and passengers.", one_of(*CABINS)),
    "date": Argument("date", "The day, such as '2024-05-20'.", STRING),
    "destination": Argument("destination", "Three letters of the airport to go to.", STRING),
    "expression": Argument(
        "expression", "Numbers, + - * / ( ) and spaces, such as '3 * 50'.", STRING
    ),
    "flight_number": Argument("flight", "The flight, such as 'HAT001'.", STRING),
    "flight_type": Argument("kind of trip", "Whether the trip leads back.", one_of(*FLIGHT_TYPES)),
    "flights": Argument(
        "flights",
        "All flights of the reservation in order, those that stay included, each with its day.",
        objects(flight_number=STRING, date=STRING),
    ),
    "insurance": Argument("insurance", "Whether all passengers are insured.", one_of("yes", "no")),
    "nonfree_baggages": Argument("paid bags", "How many of all bags are not free.", INTEGER),
    "origin": Argument("origin", "Three letters of the airport to leave from.", STRING),
    "passengers": Argument(
        "passengers",
        "All passengers, with dates of birth such as '1990-04-05'.",
        objects(first_name=STRING, last_name=STRING, dob=STRING),
    ),
    "payment_id": Argument(
        "payment method", "An id from the payment methods in the profile.", STRING
    ),
    "payment_methods": Argument(
        "payment methods",
        "Which methods from the profile pay how many US dollars; together the whole price.",
        objects(payment_id=STRING, amount=INTEGER),
    ),
    "reservation_id": Argument("reservation", "Six letters and digits.", STRING),
    "summary": Argument("summary", "What the customer wants, in one or two sentences.", STRING),
    "total_baggages": Argument("bags", "How many bags there are in all.", INTEGER),
    "user_id": Argument("user", "The customer's user id.", STRING),
}


def _tool(
    name: str, kind: ToolKind, arguments: Sequence[str], description: str, **about: Any
) -> Tool:
    return make_tool(
        name,
        kind,
        {argument: _ARGUMENTS[argument] for argument in arguments},
        description,
        identifies=name == "get_user_details",
        private=kind == "write" or name == "get_reservation_details",
        **about,
    )


TOOLS: tuple[Tool, ...] = (
    _tool(
        "get_user_details",
        "read",
        ("user_id",),
        "Show a customer's profile: membership, payment methods, ids of all reservations.",
    ),
    _tool(
        "get_reservation_details",
        "read",
        ("reservation_id",),
        "Show a reservation: its flights, cabin, passengers, bags, insurance and payments.",
    ),
    _tool(
        "get_flight_status",
        "read",
        ("flight_number", "date"),
        "Tell whether a flight can be booked, is on time, delayed, flying, landed or cancelled.",
    ),
    _tool("list_all_airports", "read", (), "List all airports with their cities."),
    _tool(
        "search_direct_flight",
        "read",
        ("origin", "destination", "date"),
        "Show the flights from one airport to another on a day, with free seats and prices.",
    ),
    _tool(
        "search_onestop_flight",
        "read",
        ("origin", "destination", "date"),
        "Show the pairs of flights that lead from one airport to another with one stop.",
    ),
    _tool(
        "calculate", "generic", ("expression",), "Work out a line of arithmetic, rounded to cents."
    ),
    _tool(
        "book_reservation",
        "write",
        (
            "user_id",
            "origin",
            "destination",
            "flight_type",
            "cabin",
            "flights",
            "passengers",
            "payment_methods",
            "total_baggages",
            "nonfree_baggages",
            "insurance",
        ),
        "Book flights for a customer. Needs the customer's explicit yes.",
    ),
    _tool(
        "cancel_reservation",
        "write",
        ("reservation_id",),
        "Cancel a whole reservation and refund it. Needs the customer's explicit yes.",
        closes="reservation_id",
    ),
    _tool(
        "update_reservation_flights",
        "write",
        ("reservation_id", "cabin", "flights", "payment_id"),
        "Change flights or cabin of a reservation. Needs the customer's explicit yes.",
    ),
    _tool(
        "update_reservation_baggages",
        "write",
        ("reservation_id", "total_baggages", "nonfree_baggages", "payment_id"),
        "Add bags to a reservation. Needs the customer's explicit yes.",
        nouns={"total_baggages": "bags", "nonfree_baggages": "paid bags"},
    ),
    _tool(
        "update_reservation_passengers",
        "write",
        ("reservation_id", "passengers"),
        "Replace or correct passengers; their number stays. Needs the customer's explicit yes.",
    ),
    _tool(
        "send_certificate",
        "write",
        ("user_id", "amount"),
        "Give a customer a certificate as compensation.",
    ),
    _tool(
        "transfer_to_human_agents",
        "generic",
        ("summary",),
        "Hand the customer to a human, where the request is outside what the tools can do.",
        followup="YOU ARE BEING TRANSFERRED TO A HUMAN AGENT. PLEASE HOLD ON.",
    ),
)
"""All tools; their functions of the same names are in ``reads`` and ``writes``."""

ARGUMENT_NAMES: Mapping[str, tuple[str, ...]] = {tool.name: tuple(tool.nouns) for tool in TOOLS}
"""The arguments of each tool in order; all are required."""

_TOOLBOX = Toolbox(
    "AirlineTools",
    {tool.name: tool for tool in TOOLS},
    {tool.name: getattr(writes if tool.kind == "write" else reads, tool.name) for tool in TOOLS},
)


class AirlineWorld(ToolboxWorld):
    """One conversation's view of an airline."""

    __slots__ = ()
    toolbox = _TOOLBOX

    def __init__(self, airline: Airline, compat: Compat = FIXED) -> None:
        super().__init__(Overlay(airline, compat))

    def check(self, call: ToolCall) -> None:
        compat: Compat = self._overlay.compat
        if not compat.empty_lists:
            for name in ("flights", "passengers"):
                if call.arguments.get(name, True) in ([], "", {}):
                    raise ToolError(f"{name} is empty: list at least one")
        if not compat.repeated_flights:
            _check_once(call.arguments.get("flights"))
        if not compat.negative_numbers:
            for name, value in _numbers(call):
                if value < 0:
                    raise ToolError(f"{name} should not be below 0, found {value}")


def offered_tools(compat: Compat) -> tuple[Tool, ...]:
    """The tools that an airline with these switches has: all."""
    return TOOLS


def _check_once(flights: Json) -> None:
    """Raise ``ToolError`` for a flight that is listed twice for one day."""
    seen: list[tuple[Json, Json]] = []
    for flight in flights if isinstance(flights, list) else ():
        if isinstance(flight, dict):
            seen.append((flight.get("flight_number"), flight.get("date")))
            if seen.count(seen[-1]) > 1:
                raise ToolError(f"flights lists {seen[-1][0]} on {seen[-1][1]} twice")


def _numbers(call: ToolCall) -> Iterator[tuple[str, float]]:
    """All numbers in the arguments, with where they are."""
    for name, value in call.arguments.items():
        parts = value if isinstance(value, list) else [value]
        for part in parts:
            found = part.get("amount") if isinstance(part, dict) else part
            if isinstance(found, int | float):
                yield f"amount in {name}" if isinstance(part, dict) else name, found
