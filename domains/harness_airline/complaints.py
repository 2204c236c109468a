"""What customers want compensation for, rightly or not."""

from __future__ import annotations

from harness_airline.records import Reservation
from harness_airline.rules import compensation
from harness_airline.targets import Customer
from harness_taskkit.choices import Choice, fact_of
from harness_taskkit.wording import sayings

WHAT = "what the compensation is for"

SAYS = sayings("""
cancelled: A flight of it was cancelled by you. / You cancelled a flight of that trip.
delayed: A flight of it is delayed. / The delay of a flight of that trip is a nuisance.
service: The staff at the counter was rude to me. / The seat was dirty and the food was cold.
""")
"""How customers say what they complain about; nothing is paid for bad service."""


def choose_complaint(customer: Customer, reservation: Reservation, flaw: str) -> Choice | None:
    """A complaint that is worth something; with the flaw "compensation" one that is worth nothing.

    A complaint about flights may then be untrue, or the customer may not be entitled to anything.
    """
    was_changed = reservation["reservation_id"] in customer.changed
    worth = {
        complaint: compensation(
            customer.user,
            reservation,
            customer.view.status,
            complaint,
            was_changed=was_changed,
        )
        for complaint in SAYS
    }
    fitting = [complaint for complaint, amount in worth.items() if (amount == 0) == bool(flaw)]
    if not fitting:
        return None
    complaint = customer.rng.choice(fitting)
    return Choice(
        arguments={"amount": worth[complaint]},
        fact=fact_of(
            WHAT,
            "what happened/compensation is for/complaint",
            SAYS[complaint],
            "amount reservation_id",
        ),
        refusal="there is no ground for a compensation" if flaw else "",
    )
