"""The shapes of the airline's records, field for field in the order in which tools print them."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict  # pydantic validates no other before Python 3.12

from harness_taskkit.people import Address as Address
from harness_taskkit.people import Name as Name

CABINS = ("business", "economy", "basic_economy")
FLIGHT_TYPES = ("round_trip", "one_way")
MEMBERSHIPS = ("regular", "silver", "gold")
INSURANCE_USD = 30
"""For each passenger."""
BAG_USD = 50
"""For each bag that is not free."""


class FlightDate(TypedDict):
    """A flight on one day.

    ``status``: available (with free seats and prices in US dollars per cabin), "on time", delayed,
    flying, landed or cancelled. Times are such as 2024-05-15T06:04:00.
    """

    status: str
    available_seats: NotRequired[dict[str, int]]
    prices: NotRequired[dict[str, int]]
    actual_departure_time_est: NotRequired[str]
    estimated_departure_time_est: NotRequired[str]
    actual_arrival_time_est: NotRequired[str]
    estimated_arrival_time_est: NotRequired[str]


class Flight(TypedDict):
    """``dates`` by day, such as 2024-05-15. Times are such as 07:00:00; an arrival on the next day
    ends in +1."""

    flight_number: str
    origin: str
    destination: str
    scheduled_departure_time_est: str
    scheduled_arrival_time_est: str
    dates: dict[str, FlightDate]


class Passenger(TypedDict):
    """``dob``: the date of birth, such as 1990-04-05."""

    first_name: str
    last_name: str
    dob: str


class PaymentMethod(TypedDict):
    """``source`` is credit_card (with brand and last_four), or gift_card or certificate (with
    ``amount`` in US dollars)."""

    source: str
    id: str
    amount: NotRequired[float]
    brand: NotRequired[str]
    last_four: NotRequired[str]


class User(TypedDict):
    user_id: str
    name: Name
    address: Address
    email: str
    dob: str
    payment_methods: dict[str, PaymentMethod]
    saved_passengers: list[Passenger]
    membership: str
    reservations: list[str]


class Segment(TypedDict):
    """A flight of a reservation; ``price`` in US dollars is that of one passenger."""

    flight_number: str
    origin: str
    destination: str
    date: str
    price: int


class Payment(TypedDict):
    """``amount`` is in US dollars; below 0 it is a refund."""

    payment_id: str
    amount: int


class Reservation(TypedDict):
    """``flight_type`` is one of ``FLIGHT_TYPES``, ``cabin`` one of ``CABINS``, ``insurance`` yes or
    no, ``status`` None or cancelled, ``created_at`` a time such as 2024-05-15T15:00:00."""

    reservation_id: str
    user_id: str
    origin: str
    destination: str
    flight_type: str
    cabin: str
    flights: list[Segment]
    passengers: list[Passenger]
    payment_history: list[Payment]
    created_at: str
    total_baggages: int
    nonfree_baggages: int
    insurance: str
    status: str | None
