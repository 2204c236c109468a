"""The official telecom databases as one that our tools run on."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from harness_tau2.data import read_database
from harness_telecom.records import (
    Bill,
    Customer,
    Device,
    Line,
    Phone,
    Plan,
    Surroundings,
    new_phone,
    new_surroundings,
)
from harness_telecom.state import Network

NAME = "tau2/telecom"
"""The database's name, as tasks refer to it."""

TODAY = "2025-02-25"
"""The day of all official conversations; the databases do not say."""

_LINE: dict[str, Any] = {
    "status": "Pending Activation",
    "device_id": None,
    "data_used_gb": 0.0,
    "data_refueling_gb": 0.0,
    "roaming_enabled": False,
    "contract_end_date": None,
    "last_plan_change_date": None,
    "last_sim_replacement_date": None,
    "suspension_start_date": None,
}
_DEVICE: dict[str, Any] = {
    "imei": None,
    "activated": False,
    "activation_date": None,
    "last_esim_transfer_date": None,
}
_BILL: dict[str, Any] = {"line_items": [], "status": "Draft"}
_CUSTOMER: dict[str, Any] = {
    "account_status": "Pending Verification",
    "payment_methods": [],
    "line_ids": [],
    "bill_ids": [],
    "created_at": "2025-01-01",
    "last_extension_date": None,
    "goodwill_credit_used_this_year": 0.0,
}


@cache
def official_database(folder: Path) -> Network:
    """The carrier and the user's phone of the official data: ``folder`` has
    ``domains/telecom/db.toml`` and ``user_db.toml`` in it.

    Records have the fields of the official models, in their order. Read once per folder. Raises
    ``ConfigError`` if a file is missing or is no telecom database.
    """
    user = read_database(folder, "telecom", _user, file="user_db.toml", read=_plain)

    def network(raw: Any) -> Network:
        return Network(
            name=NAME,
            split="test",
            today=TODAY,
            plans=_table(raw["plans"], Plan, {}),
            customers=_table(raw["customers"], Customer, _CUSTOMER),
            lines=_table(raw["lines"], Line, _LINE),
            bills=_table(raw["bills"], Bill, _BILL),
            devices=_table(raw["devices"], Device, _DEVICE),
            user=user,
        )

    return read_database(folder, "telecom", network, file="db.toml", read=_plain)


def _plain(text: str) -> Any:
    """The TOML as JSON, dates as text."""
    return json.loads(json.dumps(tomllib.loads(text), default=str))


def _table(raw: list[dict[str, Any]], kind: Any, usual: dict[str, Any]) -> dict[str, Any]:
    """The records by their id, which is their first field; ``usual`` are values they may lack."""
    found = [{**usual, **_with_spaced_times(record)} for record in raw]
    records = TypeAdapter(list[kind]).validate_python(found)
    return {next(iter(record.values())): record for record in records}


def _with_spaced_times(record: dict[str, Any]) -> dict[str, Any]:
    """The record with times as the tools tell them, 2025-01-20 14:30:00."""
    times = ("activation_date", "last_esim_transfer_date", "created_at")
    return {
        key: str(value).replace("T", " ") if key in times else value
        for key, value in record.items()
    }


def _user(raw: Any) -> dict[str, Any]:
    phone = TypeAdapter(Phone).validate_python(_merged(new_phone(), raw.get("device", {})))
    around = _merged(new_surroundings(), raw.get("surroundings", {}))
    return {
        "device": phone,
        "surroundings": TypeAdapter(Surroundings).validate_python(around),
    }


def _merged(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}
