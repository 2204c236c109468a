"""The official airline database as one that our tools run on."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from harness_airline.catalogue import CITIES, NOW
from harness_airline.records import Flight, Reservation, User
from harness_airline.state import Airline
from harness_tau2.data import read_database

NAME = "tau2/airline"
"""The database's name, as tasks refer to it."""

AIRPORTS = {**CITIES, "LGA": "LaGuardia"}
"""Where the official airline flies to; its database does not say."""


@cache
def official_database(folder: Path) -> Airline:
    """The airline of the official data: ``folder`` has ``domains/airline/db.json`` in it.

    Records have the fields of the official model, in its order, with null where a reservation has
    no status. Read once per folder. Raises ``ConfigError`` if the file is missing or is no airline
    database.
    """
    return read_database(folder, "airline", _database)


def _database(raw: Any) -> Airline:
    reservations = {key: {"status": None, **held} for key, held in raw["reservations"].items()}
    return Airline(
        name=NAME,
        split="test",
        now=NOW,
        airports=AIRPORTS,
        flights=TypeAdapter(dict[str, Flight]).validate_python(raw["flights"]),
        users=TypeAdapter(dict[str, User]).validate_python(raw["users"]),
        reservations=TypeAdapter(dict[str, Reservation]).validate_python(reservations),
    )
