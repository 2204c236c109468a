"""The policy as code: what a reservation allows, and why not; docs and prompts have it in words."""

from __future__ import annotations

from collections.abc import Callable

from harness_airline.records import BAG_USD, INSURANCE_USD, Reservation, User
from harness_taskkit.wording import sayings

MOST_PASSENGERS = 5
MOST_OF = {"certificate": 1, "credit_card": 1, "gift_card": 3}
"""How many of each source of payment a booking takes."""

COVERED = ("health", "weather")
"""The reasons for which the insurance refunds a cancelled trip."""

REASONS = sayings("""
plans: My plans have changed. / There was a change of plans. / I cannot travel on those days, my
    plans changed.
airline: You cancelled the flight, so I do not need it any more. / I heard that the flight was
    cancelled by the airline.
health: I am ill and cannot fly, for health reasons. / I have a health problem and cannot
    travel.
weather: The weather there is terrible, so I cannot go. / I do not want to fly, because of the
    bad weather.
other: I found a cheaper fare elsewhere. / I bought another ticket by mistake and want the
    cheaper one.
""")
"""Why customers cancel, and how they say so."""

Status = Callable[[str, str], str]
"""The status of a flight (by number) on a day."""

FREE_BAGS = {"basic_economy": 0, "economy": 1, "business": 2}
MORE_BAGS = {"regular": 0, "silver": 1, "gold": 2}
"""A passenger's free bags are those by cabin and those by the membership of who booked."""
_FLOWN = ("landed", "flying")
_A_DAY_AGO = "2024-05-14T15:00:00"


def free_bags(membership: str, cabin: str, passengers: int) -> int:
    """How many checked bags the passengers of a reservation have free together."""
    return passengers * (FREE_BAGS[cabin] + MORE_BAGS[membership])


def bags(total: int, free: int) -> dict[str, int]:
    """How many bags there are, and how many of them are not free, as tools take it."""
    return {"total_baggages": total, "nonfree_baggages": max(0, total - free)}


def extras(nonfree: int, passengers: int, *, insured: bool) -> int:
    """What bags and insurance add to the price of a trip, in US dollars."""
    return BAG_USD * nonfree + INSURANCE_USD * passengers * insured


def statuses(reservation: Reservation, status: Status) -> list[str]:
    """The status of each flight of the reservation, in order."""
    return [status(f["flight_number"], f["date"]) for f in reservation["flights"]]


def is_flown(reservation: Reservation, status: Status) -> bool:
    """Whether any flight of it has taken off."""
    return any(found in _FLOWN for found in statuses(reservation, status))


def may_cancel(reservation: Reservation, reason: str, status: Status) -> bool:
    """Whether a reservation of which nothing was flown can be cancelled for the reason."""
    return (
        reservation["created_at"] >= _A_DAY_AGO
        or reservation["cabin"] == "business"
        or (reservation["insurance"] == "yes" and reason in COVERED)
        or "cancelled" in statuses(reservation, status)
    )


def may_be_compensated(user: User, reservation: Reservation) -> bool:
    return (
        user["membership"] != "regular"
        or reservation["insurance"] == "yes"
        or reservation["cabin"] == "business"
    )


def compensation(
    user: User, reservation: Reservation, status: Status, complaint: str, *, was_changed: bool
) -> int:
    """What a complaint about "cancelled" or "delayed" flights is worth in US dollars; 0: nothing.

    ``was_changed``: whether the reservation was changed or cancelled in this conversation.
    """
    if not may_be_compensated(user, reservation) or complaint not in statuses(reservation, status):
        return 0
    people = len(reservation["passengers"])
    if complaint == "cancelled":
        return 100 * people
    return 50 * people if was_changed else 0
