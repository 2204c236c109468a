"""The tools that change nothing in the airline: each turns its arguments into a record or text."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import TypedDict

from harness_airline.records import Flight, Reservation, User
from harness_airline.state import Overlay
from harness_taskkit.toolbox import calculate as calculate
from harness_taskkit.toolbox import transfer_to_human_agents as transfer_to_human_agents


class Offer(TypedDict):
    """A flight that can be booked on one day, as searches show it; those for direct flights show no
    ``date``."""

    flight_number: str
    origin: str
    destination: str
    status: str
    scheduled_departure_time_est: str
    scheduled_arrival_time_est: str
    date: str | None
    available_seats: dict[str, int]
    prices: dict[str, int]


def get_user_details(airline: Overlay, user_id: str) -> User:
    return airline.user(user_id)


def get_reservation_details(airline: Overlay, reservation_id: str) -> Reservation:
    return airline.reservation(reservation_id)


def get_flight_status(airline: Overlay, flight_number: str, date: str) -> str:
    return airline.flight_date(flight_number, date)["status"]


def list_all_airports(airline: Overlay) -> str:
    return airline.database.airport_text


def search_direct_flight(airline: Overlay, origin: str, destination: str, date: str) -> list[Offer]:
    flights = _bookable(airline, origin, destination, date)
    return [_offer(flight, date, shown=None) for flight in flights]


def search_onestop_flight(
    airline: Overlay, origin: str, destination: str, date: str
) -> list[list[Offer]]:
    found: list[list[Offer]] = []
    for first in _bookable(airline, origin, None, date):
        arrival = first["scheduled_arrival_time_est"]
        day = _next_day(airline, date) if "+1" in arrival else date
        offer = _offer(first, date, shown=date)
        for second in _bookable(airline, first["destination"], destination, day):
            if second["scheduled_departure_time_est"] >= arrival:
                found.append([offer, _offer(second, day, shown=day)])
    return found


def _bookable(
    airline: Overlay, origin: str | None, destination: str | None, date: str
) -> Iterator[Flight]:
    for flight in airline.flights_between(origin, destination):
        if date in flight["dates"] and flight["dates"][date]["status"] == "available":
            yield flight


def _offer(flight: Flight, date: str, shown: str | None) -> Offer:
    """``shown``: the day as the offer tells it."""
    on_date = flight["dates"][date]
    return {
        "flight_number": flight["flight_number"],
        "origin": flight["origin"],
        "destination": flight["destination"],
        "status": "available",
        "scheduled_departure_time_est": flight["scheduled_departure_time_est"],
        "scheduled_arrival_time_est": flight["scheduled_arrival_time_est"],
        "date": shown,
        "available_seats": on_date["available_seats"],
        "prices": on_date["prices"],
    }


def _next_day(airline: Overlay, date: str) -> str:
    if airline.compat.unlisted_next_day:
        return f"2024-05-{int(date[-2:]) + 1}"
    return str(datetime.date.fromisoformat(date) + datetime.timedelta(days=1))
