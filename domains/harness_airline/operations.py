"""What each kind of request is carried out with: its tool, its words, why it may be refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from harness_airline.tools import ARGUMENT_NAMES

Flaw: TypeAlias = str
"""What makes a request one that must be refused: one of ``FLAWS``, or "". ``refuse_`` and this is
the feature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A kind of request: its tool, "" where there is none, and the words of an offer to do it."""

    tool: str
    verbs: tuple[str, ...]

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of the tool's arguments, in order."""
        return ARGUMENT_NAMES.get(self.tool, ())


OPERATIONS: Mapping[str, Operation] = {
    "cancel": Operation(tool="cancel_reservation", verbs=("cancel",)),
    "change_flights": Operation(tool="update_reservation_flights", verbs=("flights",)),
    "change_cabin": Operation(tool="update_reservation_flights", verbs=("flights", "cabin")),
    "add_bags": Operation(tool="update_reservation_baggages", verbs=("baggage", "bag")),
    "change_passengers": Operation(tool="update_reservation_passengers", verbs=("passenger",)),
    "book": Operation(tool="book_reservation", verbs=("book",)),
    "compensate": Operation(tool="send_certificate", verbs=("certificate", "compensat")),
    "insure": Operation(tool="", verbs=("insurance",)),
    "question": Operation(tool="", verbs=("look up",)),
}
"""The seven kinds of writes, what no tool does, and questions."""

FLAWS: Mapping[Flaw, str] = {
    "cancel": "cancel",
    "basic_economy": "change_flights",
    "route": "change_flights",
    "cabin": "change_cabin",
    "one_cabin": "change_cabin",
    "insurance": "insure",
    "bag_removal": "add_bags",
    "passenger_count": "change_passengers",
    "payment": "change_flights",
    "compensation": "compensate",
    "party_size": "book",
}
"""The kind of request that each flaw spoils."""
