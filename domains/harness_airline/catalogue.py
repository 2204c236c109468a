"""Where the airline flies: cities, their airports, and flights with times, seats and prices."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import combinations

from harness_airline.records import CABINS, Flight, FlightDate
from harness_taskkit.numbers import Numbers

NOW = "2024-05-15T15:00:00"
"""The time at which all customers call."""
TODAY = "2024-05-15"
DAYS = tuple(f"2024-05-{day:02}" for day in range(12, 31))
"""The days of which there are flights."""

CITIES: Mapping[str, str] = {
    "SFO": "San Francisco",
    "JFK": "New York",
    "LAX": "Los Angeles",
    "ORD": "Chicago",
    "DFW": "Dallas",
    "DEN": "Denver",
    "SEA": "Seattle",
    "ATL": "Atlanta",
    "MIA": "Miami",
    "BOS": "Boston",
    "PHX": "Phoenix",
    "IAH": "Houston",
    "LAS": "Las Vegas",
    "MCO": "Orlando",
    "EWR": "Newark",
    "CLT": "Charlotte",
    "MSP": "Minneapolis",
    "DTW": "Detroit",
    "PHL": "Philadelphia",
}
"""City names by airport."""

_AIRPORTS = 6
_LINES = 8
_PRICES = {"basic_economy": (50, 100), "economy": (110, 200), "business": (250, 450)}


def make_flights(numbers: Numbers, rng: random.Random) -> dict[str, Flight]:
    """All flights by number: few lines between few airports, flown one to three times a day."""
    airports = rng.sample(list(CITIES), _AIRPORTS)
    lines = rng.sample(list(combinations(airports, 2)), _LINES)
    flights: dict[str, Flight] = {}
    for line in lines:
        for origin, destination in (line, line[::-1]):
            hours = rng.choice((2, 3, 4))
            count = rng.choices((1, 2, 3), (30, 45, 25))[0]
            for hour in sorted(rng.sample(range(5, 20), count)):
                number = f"HAT{numbers.fresh(3)}"
                flights[number] = Flight(
                    flight_number=number,
                    origin=origin,
                    destination=destination,
                    scheduled_departure_time_est=f"{hour:02}:00:00",
                    scheduled_arrival_time_est=f"{hour + hours:02}:30:00",
                    dates=_dates(hour, hours, rng),
                )
    return flights


def _dates(hour: int, hours: int, rng: random.Random) -> dict[str, FlightDate]:
    dates: dict[str, FlightDate] = {}
    for day in DAYS:
        leaves, lands = f"{day}T{hour:02}:00:00", f"{day}T{hour + hours:02}:30:00"
        luck = rng.random()
        if day < TODAY:
            status = "cancelled" if luck < 0.1 else "landed"
        elif day == TODAY:
            status = _status_today(hour, hours, rng)
        else:
            status = "cancelled" if luck < 0.03 else "delayed" if luck < 0.06 else "available"
        dates[day] = _flight_date(status, leaves, lands, rng)
    return dates


def _status_today(hour: int, hours: int, rng: random.Random) -> str:
    """What it can be at three in the afternoon."""
    if rng.random() < 0.15:
        return "cancelled"
    if hour + hours < 15:
        return "landed"
    if hour < 15:
        return "flying"
    return rng.choice(("on time", "delayed"))


def _flight_date(status: str, leaves: str, lands: str, rng: random.Random) -> FlightDate:
    if status == "available":
        return FlightDate(
            status=status,
            available_seats={cabin: _seats(rng) for cabin in CABINS},
            prices={cabin: rng.randint(*_PRICES[cabin]) for cabin in CABINS},
        )
    found = FlightDate(status=status)
    if status in ("landed", "flying"):
        found["actual_departure_time_est"] = leaves
    if status in ("on time", "delayed"):
        found["estimated_departure_time_est"] = leaves
    if status == "landed":
        found["actual_arrival_time_est"] = lands
    elif status != "cancelled":
        found["estimated_arrival_time_est"] = lands
    return found


def _seats(rng: random.Random) -> int:
    """Free seats in a cabin: often too few for a family, sometimes none."""
    return rng.choices((0, rng.randint(1, 3), rng.randint(5, 19)), (10, 15, 75))[0]


def price_paid(cabin: str, rng: random.Random) -> int:
    """What a passenger paid for one flight some time ago, in US dollars."""
    return rng.randint(*_PRICES[cabin])
