"""The official airline database, read into our records, and what is told about its tasks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ConfigError
from harness.types import Task
from harness_airline.compat import TAU2
from harness_airline.database import database
from harness_airline.official import telling
from harness_airline.official_airline import NAME, NOW, official_database
from harness_airline.tools import AirlineWorld
from harness_tau2.engine import Engine
from harness_tau2.tasks import task_from_official
from tests.domains.tau2.shelf import official

CARRIER = Engine(database("airline/test/1"), TAU2, AirlineWorld)


def contents() -> dict[str, Any]:
    """A database with one record of each kind, keys in no particular order, amounts unlike ours."""
    landed = {"status": "landed", "actual_arrival_time_est": "b", "actual_departure_time_est": "a"}
    free = {"status": "available", "prices": {"economy": 9}, "available_seats": {"economy": 1}}
    return {
        "flights": {
            "HAT001": {
                "dates": {"2024-05-14": landed, "2024-05-16": free},
                "origin": "SFO",
                "destination": "JFK",
                "scheduled_arrival_time_est": "09:00:00",
                "scheduled_departure_time_est": "07:00:00",
                "flight_number": "HAT001",
            }
        },
        "users": {
            "ada_reed_1000": {
                "membership": "gold",
                "reservations": ["AAAAAA"],
                "saved_passengers": [],
                "user_id": "ada_reed_1000",
                "name": {"last_name": "Reed", "first_name": "Ada"},
                "email": "ada.reed@example.com",
                "dob": "1990-04-05",
                "address": dict.fromkeys(
                    ("zip", "state", "city", "country", "address2", "address1"), "x"
                ),
                "payment_methods": {"card_1": {"amount": 5, "id": "card_1", "source": "gift_card"}},
            }
        },
        "reservations": {
            "AAAAAA": {
                "user_id": "ada_reed_1000",
                "reservation_id": "AAAAAA",
                "origin": "SFO",
                "destination": "JFK",
                "cabin": "economy",
                "flight_type": "one_way",
                "flights": [
                    {
                        "price": 9,
                        "date": "2024-05-16",
                        "destination": "JFK",
                        "origin": "SFO",
                        "flight_number": "HAT001",
                    }
                ],
                "passengers": [],
                "payment_history": [{"amount": 9, "payment_id": "card_1"}],
                "created_at": "2024-05-10T10:00:00",
                "total_baggages": 0,
                "nonfree_baggages": 0,
                "insurance": "no",
            }
        },
    }


def write(folder: Path, text: str) -> Path:
    path = folder / "domains" / "airline" / "db.json"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return folder


def test_records_have_all_fields_in_the_order_in_which_tools_print_them(tmp_path: Path) -> None:
    found = official_database(write(tmp_path, json.dumps(contents())))
    assert (found.name, found.now) == (NAME, NOW)
    reservation = found.reservations["AAAAAA"]
    assert list(reservation)[:3] == ["reservation_id", "user_id", "origin"]
    assert reservation["status"] is None
    assert next(iter(reservation["flights"][0])) == "flight_number"
    assert list(reservation["payment_history"][0]) == ["payment_id", "amount"]
    flight = found.flights["HAT001"]
    assert next(iter(flight)) == "flight_number"
    assert list(flight["dates"]["2024-05-14"])[1] == "actual_departure_time_est"
    assert list(flight["dates"]["2024-05-16"]) == ["status", "available_seats", "prices"]
    user = found.users["ada_reed_1000"]
    assert json.dumps(user["payment_methods"]["card_1"]) == (
        '{"source": "gift_card", "id": "card_1", "amount": 5.0}'
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"flights": 1}', "{"])
def test_a_file_that_is_no_database_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"db\.json is no airline database"):
        official_database(write(tmp_path, text))


def test_a_field_of_a_wrong_type_is_named_with_its_place(tmp_path: Path) -> None:
    broken = contents()
    broken["reservations"]["AAAAAA"]["flights"][0]["price"] = "much"
    with pytest.raises(ConfigError, match=r"AAAAAA / flights / 0 / price: input should be"):
        official_database(write(tmp_path, json.dumps(broken)))


def made(*actions: dict[str, Any]) -> Task:
    return task_from_official(
        official(actions=actions), split="test", domain="tau2-airline", telling=telling(CARRIER)
    )


def test_a_customer_tells_numbers_and_objects_and_knows_what_is_not_meant() -> None:
    airline = CARRIER.database
    user = next(user for user in airline.users.values() if len(user["reservations"]) > 1)
    mine, other, *_ = user["reservations"]
    trip = airline.reservations[mine]
    methods = user["payment_methods"].values()
    paying = next(method["id"] for method in methods if method["source"] != "certificate")
    kept = [{"flight_number": s["flight_number"], "date": s["date"]} for s in trip["flights"]]
    common = {"reservation_id": mine, "payment_id": paying}
    update = {
        "name": "update_reservation_flights",
        "arguments": {**common, "cabin": trip["cabin"], "flights": kept},
    }
    bags = {
        "name": "update_reservation_baggages",
        "arguments": {
            **common,
            "total_baggages": 7,
            "nonfree_baggages": trip["nonfree_baggages"],
        },
    }
    facts = [fact for r in made(update, bags).scenario.requests for fact in r.facts]
    said = {text for fact in facts for text in fact.says}
    first = f"{kept[0]['flight_number']}, {kept[0]['date']}"
    assert {f"A flight is {first}.", "Bags in all: 7."} <= said
    about = next(fact for fact in facts if fact.needed_for == ("reservation_id",))
    assert other.lower() in about.conflicts_with
