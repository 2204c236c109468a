"""An airline small enough to know by heart: one customer, two trips, five flights."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from harness_airline.records import (
    Address,
    Flight,
    FlightDate,
    Passenger,
    Payment,
    Reservation,
    Segment,
    User,
)
from harness_airline.state import Airline

ADA = Passenger(first_name="Ada", last_name="Reed", dob="1990-04-05")
BEN = Passenger(first_name="Ben", last_name="Reed", dob="1991-05-06")
DAYS = ("2024-05-05", "2024-05-06", "2024-05-20", "2024-05-31", "2024-06-01")


def make_date(seats: int = 2) -> FlightDate:
    """A flight on a day, with as many free seats in each cabin."""
    cabins = ("basic_economy", "economy", "business")
    return FlightDate(
        status="available",
        available_seats=dict.fromkeys(cabins, seats),
        prices=dict(zip(cabins, (50, 100, 300), strict=True)),
    )


def make_flight(number: str, route: str, departure: str, arrival: str) -> Flight:
    return Flight(
        flight_number=number,
        origin=route[:3],
        destination=route[3:],
        scheduled_departure_time_est=departure,
        scheduled_arrival_time_est=arrival,
        dates={day: make_date() for day in DAYS},
    )


def make_reservation(
    key: str, segments: list[Segment], passengers: list[Passenger], payment: Payment
) -> Reservation:
    return Reservation(
        reservation_id=key,
        user_id="ada_reed_1000",
        origin=segments[0]["origin"],
        destination=segments[-1]["destination"],
        flight_type="one_way",
        cabin="economy",
        flights=segments,
        passengers=passengers,
        payment_history=[payment],
        created_at="2024-05-10T10:00:00",
        total_baggages=1,
        nonfree_baggages=0,
        insurance="no",
        status=None,
    )


def make_segment(flight: Flight, date: str) -> Segment:
    return Segment(
        flight_number=flight["flight_number"],
        origin=flight["origin"],
        destination=flight["destination"],
        date=date,
        price=90,
    )


@pytest.fixture
def tiny() -> Iterator[Airline]:
    flights = {
        flight["flight_number"]: flight
        for flight in (
            make_flight("HAT001", "AAABBB", "07:00:00", "09:00:00"),
            make_flight("HAT002", "BBBCCC", "10:00:00", "11:00:00"),
            make_flight("HAT003", "AAABBB", "22:00:00", "01:00:00+1"),
            make_flight("HAT004", "BBBCCC", "08:00:00", "09:00:00"),
            make_flight("HAT005", "BBBAAA", "12:00:00", "14:00:00"),
        )
    }
    flights["HAT005"]["dates"]["2024-05-20"] = FlightDate(status="cancelled")
    user = User(
        user_id="ada_reed_1000",
        name={"first_name": "Ada", "last_name": "Reed"},
        address=Address(
            address1="1 Oak Lane",
            address2="Apt 2",
            city="Austin",
            country="USA",
            state="TX",
            zip="78700",
        ),
        email="ada.reed@example.com",
        dob=ADA["dob"],
        payment_methods={
            "credit_card_1": {
                "source": "credit_card",
                "id": "credit_card_1",
                "brand": "visa",
                "last_four": "1234",
            },
            "gift_card_2": {"source": "gift_card", "id": "gift_card_2", "amount": 120.0},
            "certificate_3": {"source": "certificate", "id": "certificate_3", "amount": 60.0},
        },
        saved_passengers=[BEN],
        membership="silver",
        reservations=["AAAAAA", "BBBBBB"],
    )
    paid = Payment(payment_id="credit_card_1", amount=180)
    first = make_reservation(
        "AAAAAA", [make_segment(flights["HAT001"], "2024-05-20")], [ADA, BEN], paid
    )
    back = make_reservation(
        "BBBBBB",
        [make_segment(flights["HAT005"], "2024-05-20")],
        [ADA],
        Payment(payment_id="gift_card_2", amount=90),
    )
    airline = Airline(
        name="airline/train/tiny",
        split="train",
        now="2024-05-15T15:00:00",
        airports={"AAA": "Aachen", "BBB": "Berlin", "CCC": "Celle"},
        flights=flights,
        users={user["user_id"]: user},
        reservations={"AAAAAA": first, "BBBBBB": back},
    )
    before = _dump(airline)
    yield airline
    assert _dump(airline) == before, "a test wrote to the shared database"


def _dump(airline: Airline) -> str:
    return json.dumps([airline.flights, airline.users, airline.reservations])
