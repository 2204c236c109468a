"""The tools that change reservations, users and seats.

As meant, all checks come first: a refused call changes nothing. The order of checks and changes is
tau2's, since with its switches on a call can break off half way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness_airline.models import (
    as_amount,
    as_payment,
    as_reservation,
    each_as,
)
from harness_airline.records import (
    BAG_USD,
    INSURANCE_USD,
    Passenger,
    Payment,
    PaymentMethod,
    Reservation,
    Segment,
    User,
)
from harness_airline.state import Overlay
from harness_taskkit.state import ToolError, copied

Info = Mapping[str, str]
"""Which flight on which day: ``flight_number`` and ``date``."""

NEW_RESERVATIONS = ("HATHAT", "HATHAU", "HATHAV")
"""The ids of the reservations that are booked in one conversation, in order."""

NEW_CERTIFICATES = ("certificate_3221322", "certificate_3221323", "certificate_3221324")
"""The ids of the certificates that one customer is sent in one conversation, in order."""


def book_reservation(
    airline: Overlay,
    user_id: str,
    origin: str,
    destination: str,
    flight_type: str,
    cabin: str,
    flights: list[Info],
    passengers: list[Passenger],
    payment_methods: list[Payment],
    total_baggages: int,
    nonfree_baggages: int,
    insurance: str,
) -> Reservation:
    infos = each_as("FlightInfo", flights)
    travellers = each_as("Passenger", passengers)
    payments = each_as("Payment", payment_methods)
    user = airline.user(user_id)
    reservation = Reservation(
        reservation_id=_new_reservation_id(airline),
        user_id=user_id,
        origin=origin,
        destination=destination,
        flight_type=flight_type,
        cabin=cabin,
        flights=[],
        passengers=travellers,
        payment_history=payments,
        created_at=airline.database.now,
        total_baggages=total_baggages,
        nonfree_baggages=nonfree_baggages,
        insurance=insurance,
        status=None,
    )
    if airline.compat.untyped_arguments:
        reservation = as_reservation(reservation)
    _check_objects(infos, flights)
    count = len(travellers)
    reservation["flights"] = [_new_segment(airline, info, cabin, count) for info in infos]
    total = sum(segment["price"] * count for segment in reservation["flights"])
    if insurance == "yes":
        total += INSURANCE_USD * count
    total += BAG_USD * nonfree_baggages
    _check_payments(airline, user, payments, total)
    _pay(airline, user_id, payments)
    for segment in reservation["flights"]:
        airline.take_seats(segment["flight_number"], segment["date"], cabin, count)
    airline.put("reservations", reservation["reservation_id"], reservation)
    airline.writable_user(user_id)["reservations"].append(reservation["reservation_id"])
    return reservation


def cancel_reservation(airline: Overlay, reservation_id: str) -> Reservation:
    reservation = airline.reservation(reservation_id)
    _check_open(airline, reservation)
    if not airline.compat.fixed_seats:
        _move_seats(airline, reservation, "", ())
    reservation = airline.writable_reservation(reservation_id)
    reservation["payment_history"] += [
        Payment(payment_id=paid["payment_id"], amount=-paid["amount"])
        for paid in reservation["payment_history"]
    ]
    reservation["status"] = "cancelled"
    return reservation


def update_reservation_flights(
    airline: Overlay, reservation_id: str, cabin: str, flights: list[Info], payment_id: str
) -> Reservation:
    infos = each_as("FlightInfo", flights)
    reservation = airline.reservation(reservation_id)
    _check_open(airline, reservation)
    user = airline.user(reservation["user_id"])
    _check_objects(infos, flights)
    count = len(reservation["passengers"])
    kept = reservation["flights"] if cabin == reservation["cabin"] else []
    segments = [
        _same_segment(kept, info) or _new_segment(airline, info, cabin, count) for info in infos
    ]
    total = sum(segment["price"] * count for segment in segments)
    total -= sum(segment["price"] for segment in reservation["flights"]) * count
    payments = _pay_for_update(airline, user, payment_id, total)
    if not airline.compat.fixed_seats:
        _move_seats(airline, reservation, cabin, segments)
    reservation = airline.writable_reservation(reservation_id)
    reservation["payment_history"] += payments
    reservation["flights"] = copied(segments)
    reservation["cabin"] = cabin
    return reservation


def update_reservation_baggages(
    airline: Overlay,
    reservation_id: str,
    total_baggages: int,
    nonfree_baggages: int,
    payment_id: str,
) -> Reservation:
    reservation = airline.reservation(reservation_id)
    _check_open(airline, reservation)
    user = airline.user(reservation["user_id"])
    total = BAG_USD * max(0, nonfree_baggages - reservation["nonfree_baggages"])
    payments = _pay_for_update(airline, user, payment_id, total)
    reservation = airline.writable_reservation(reservation_id)
    reservation["payment_history"] += payments
    reservation["total_baggages"] = copied(total_baggages)
    reservation["nonfree_baggages"] = nonfree_baggages
    return reservation


def update_reservation_passengers(
    airline: Overlay, reservation_id: str, passengers: list[Passenger]
) -> Reservation:
    travellers = each_as("Passenger", passengers)
    reservation = airline.reservation(reservation_id)
    _check_open(airline, reservation)
    if len(travellers) != len(reservation["passengers"]):
        raise ToolError("Number of passengers does not match")
    reservation = airline.writable_reservation(reservation_id)
    reservation["passengers"] = copied(travellers)
    return reservation


def send_certificate(airline: Overlay, user_id: str, amount: int) -> str:
    methods = airline.user(user_id)["payment_methods"]
    new_id = next((key for key in NEW_CERTIFICATES if key not in methods), None)
    if new_id is None:
        raise ToolError("Too many certificates")
    method = PaymentMethod(source="certificate", id=new_id, amount=as_amount(amount))
    airline.writable_user(user_id)["payment_methods"][new_id] = method
    return f"Certificate {new_id} added to user {user_id} with amount {amount}."


def _new_reservation_id(airline: Overlay) -> str:
    for key in NEW_RESERVATIONS:
        try:
            airline.reservation(key)
        except ToolError:
            return key
    raise ToolError("Too many reservations")


def _check_open(airline: Overlay, reservation: Reservation) -> None:
    if reservation["status"] == "cancelled" and not airline.compat.changes_after_cancellation:
        raise ToolError(f"Reservation {reservation['reservation_id']} is cancelled")


def _check_objects(infos: Sequence[Info], flights: object) -> None:
    """Raise Python's error for flights that are no objects, and so were left as they were."""
    if infos is flights:
        for info in infos:
            raise AttributeError(f"{type(info).__name__!r} object has no attribute 'flight_number'")


def _new_segment(airline: Overlay, info: Info, cabin: str, count: int) -> Segment:
    """The flight for so many passengers at today's price. Raises ``ToolError`` if it is full."""
    number, date = info["flight_number"], info["date"]
    flight, on_date = airline.flight(number), airline.flight_date(number, date)
    if on_date["status"] != "available":
        raise ToolError(f"Flight {number} not available on date {date}")
    if on_date["available_seats"][cabin] < count:
        raise ToolError(f"Not enough seats on flight {number}")
    return Segment(
        flight_number=number,
        origin=flight["origin"],
        destination=flight["destination"],
        date=date,
        price=on_date["prices"][cabin],
    )


def _same_segment(segments: Sequence[Segment], info: Info) -> Segment | None:
    """The segment that is that flight."""
    for segment in segments:
        if (segment["flight_number"], segment["date"]) == (info["flight_number"], info["date"]):
            return segment
    return None


def _move_seats(
    airline: Overlay, old: Reservation, cabin: str, segments: Sequence[Segment]
) -> None:
    """Free the seats of a reservation and take others for its passengers."""
    count = len(old["passengers"])
    for segment in old["flights"]:
        airline.take_seats(segment["flight_number"], segment["date"], old["cabin"], -count)
    for segment in segments:
        airline.take_seats(segment["flight_number"], segment["date"], cabin, count)


def _check_payments(
    airline: Overlay, user: User, payments: Sequence[Payment], total: float
) -> None:
    for payment in payments:
        method_id, amount = payment["payment_id"], payment["amount"]
        if method_id not in user["payment_methods"]:
            raise ToolError(f"Payment method {method_id} not found")
        if user["payment_methods"][method_id].get("amount", amount) < amount:
            raise ToolError(f"Not enough balance in payment method {method_id}")
    paid = sum(payment["amount"] for payment in payments)
    if paid != total:
        raise ToolError(f"Payment amount does not add up, total price is {total}, but paid {paid}")
    named = [payment["payment_id"] for payment in payments]
    twice = [method_id for method_id in named if named.count(method_id) > 1]
    if twice and not airline.compat.repeated_methods:
        raise ToolError(f"Payment method {twice[0]} is named twice")


def _pay(airline: Overlay, user_id: str, payments: Sequence[Payment]) -> None:
    methods = airline.writable_user(user_id)["payment_methods"]
    for payment in payments:
        method = methods[payment["payment_id"]]
        if method["source"] == "gift_card":
            method["amount"] -= payment["amount"]
        elif method["source"] == "certificate":
            del methods[payment["payment_id"]]


def _pay_for_update(airline: Overlay, user: User, payment_id: str, total: int) -> list[Payment]:
    """Book the price of a change, below 0 a refund, on one method; [] if it is 0."""
    if payment_id not in user["payment_methods"]:
        raise ToolError("Payment method not found")
    method = user["payment_methods"][payment_id]
    if method["source"] == "certificate":
        raise ToolError("Certificate cannot be used to update reservation")
    if method["source"] == "gift_card":
        if method["amount"] < total:
            raise ToolError("Gift card balance is not enough")
        own = airline.writable_user(user["user_id"])["payment_methods"][payment_id]
        own["amount"] -= total
    return [as_payment(payment_id, total)] if total != 0 else []
