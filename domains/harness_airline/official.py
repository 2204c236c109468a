"""The official airline domain on our airline engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeAlias

from harness.assembly.config import read_options
from harness.protocols import Domain, Settings
from harness.types import ToolCall
from harness_airline.compat import FIXED, TAU2, Compat
from harness_airline.official_airline import official_database
from harness_airline.records import CABINS
from harness_airline.state import Airline
from harness_airline.tools import TOOLS, AirlineWorld
from harness_tau2.data import OfficialData, official_data
from harness_tau2.domain import Options, Tau2Domain
from harness_tau2.engine import Engine
from harness_tau2.requests import About, Telling

NAME = "tau2-airline"

Carrier: TypeAlias = Engine[Airline, Compat]

_WRITES = frozenset(tool.name for tool in TOOLS if tool.kind == "write")

_ARGUMENTS = (
    About(("user_id",), "your user id", ("user id", "who you are"), "My user id is {}."),
    About(("reservation_id",), "the reservation", ("reservation",), "It is reservation {}."),
    About(("origin",), "where you leave from", ("origin", "from where"), "I leave from {}."),
    About(("destination",), "where you go", ("destination", "where to"), "I go to {}."),
    About(("flight_type",), "the kind of trip", ("trip", "round"), "It is a trip of kind {}."),
    About(("cabin",), "the cabin", ("cabin", "class"), "The cabin is {}."),
    About(("flights",), "the flights", ("flight", "date"), "A flight is {}."),
    About(("passengers",), "the passengers", ("passenger", "birth"), "A passenger is {}."),
    About(("payment_id",), "the payment method", ("payment", "refund", "pay"), "Use {}."),
    About(
        ("payment_methods",), "the payment methods", ("payment", "pay"), "Pay with {} US dollars."
    ),
    About(("total_baggages",), "the bags", ("bag", "suitcase"), "Bags in all: {}."),
    About(("nonfree_baggages",), "the paid bags", ("bag", "suitcase"), "Bags to be paid: {}."),
    About(("insurance",), "the insurance", ("insurance",), "Insurance: {}."),
    About(("amount",), "the amount", ("amount", "certificate"), "The amount is {}."),
)


def tau2_airline(settings: Settings) -> Domain:
    """The official airline tasks. Raises ``MissingExtra`` if their data is not on this machine."""
    options = read_options(Options, settings, name=NAME)
    return Tau2Airline(official_data("airline"), options)


class Tau2Airline(Tau2Domain):
    """The official airline, its policy and its tool schemas; our tools carry the calls out."""

    name = NAME
    kit = "tau2.domains.airline.tools:AirlineTools"

    def __init__(self, data: OfficialData, options: Options) -> None:
        compat = TAU2 if options.compat == "tau2" else FIXED
        airline = Engine(official_database(data.folder), compat, AirlineWorld)
        super().__init__(data, options, airline, TOOLS)

    @cached_property
    def telling(self) -> Telling:  # type: ignore[override]
        return telling(self.engine)


def telling(carrier: Carrier) -> Telling:
    """How customers of the airline ask, and which other values an agent might take for theirs."""
    return Telling(
        writes=_WRITES,
        arguments=_ARGUMENTS,
        alternatives=_alternatives(carrier.database),
        world=carrier.open,
    )


def _alternatives(airline: Airline) -> Callable[[str, ToolCall], Sequence[str]]:
    """Values an agent might take for the right one: those that stand near it in the records."""

    def alternatives(name: str, call: ToolCall) -> Sequence[str]:
        reservation = airline.reservations.get(str(call.arguments.get("reservation_id")))
        if name == "cabin":
            return CABINS
        if reservation is None:
            return ()
        user = airline.users[reservation["user_id"]]
        near = {"reservation_id": user["reservations"], "payment_id": [*user["payment_methods"]]}
        return near.get(name, ())

    return alternatives
