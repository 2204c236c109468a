"""Make a folder of tau2 data with an invented database and tasks, so that no package is needed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness_airline.database import database as airline
from harness_airline.tools import AirlineWorld
from harness_retail.database import database as shop
from harness_retail.tools import RetailWorld

SHOP = shop("retail/test/1")
PENDING = next(order for order in SHOP.orders.values() if order["status"] == "pending")
DELIVERED = next(order for order in SHOP.orders.values() if order["status"] == "delivered")

CANCEL = {
    "action_id": "a",
    "name": "cancel_pending_order",
    "arguments": {"order_id": PENDING["order_id"], "reason": "no longer needed"},
}
LOOK_UP = {
    "action_id": "b",
    "name": "get_order_details",
    "arguments": {"order_id": PENDING["order_id"]},
}
FAILING = {
    "action_id": "c",
    "name": "cancel_pending_order",
    "arguments": {"order_id": DELIVERED["order_id"], "reason": "no longer needed"},
}
TRANSFER = {"action_id": "d", "name": "transfer_to_human_agents", "arguments": {"summary": "Odd."}}
ITEM = {
    "action_id": "e",
    "name": "get_item_details",
    "arguments": {"item_id": PENDING["items"][0]["item_id"]},
}


def official(
    id: str = "0", *, actions: Sequence[dict[str, Any]] | None = (CANCEL,), **criteria: Any
) -> dict[str, Any]:
    """An official task in the older form; ``criteria`` add to its evaluation criteria."""
    return {
        "id": id,
        "description": {"purpose": None},
        "user_scenario": {
            "persona": None,
            "instructions": {
                "domain": "retail",
                "reason_for_call": "You want to cancel an order.",
                "known_info": "You are Ada, ada@example.com.",
                "unknown_info": "You do not know your user id.",
                "task_instructions": "Be brief.",
            },
        },
        "initial_state": None,
        "evaluation_criteria": {
            "actions": None if actions is None else list(actions),
            "communicate_info": [],
            "nl_assertions": None,
            **criteria,
        },
    }


def write_data(
    folder: Path,
    tasks: Sequence[dict[str, Any]] | None = None,
    *,
    splits: dict[str, list[str]] | None = None,
    domain: str = "retail",
) -> Path:
    """Write the data into ``folder/tau2``; returns ``folder``. By default eight tasks in all."""
    if tasks is None:
        tasks = [official(str(number)) for number in range(8)]
    ids = [task["id"] for task in tasks]
    home = folder / "tau2" / "domains" / domain
    home.mkdir(parents=True)
    world = RetailWorld(SHOP) if domain == "retail" else AirlineWorld(airline("airline/test/1"))
    (home / "db.json").write_text(json.dumps(world.records()))
    (home / "tasks.json").write_text(json.dumps(tasks))
    (home / "policy.md").write_text("Be kind to customers.\n")
    found = splits or {"train": ids[: len(ids) // 2], "test": ids[len(ids) // 2 :], "base": ids}
    (home / "split_tasks.json").write_text(json.dumps(found))
    guidelines = folder / "tau2" / "user_simulator"
    guidelines.mkdir()
    (guidelines / "simulation_guidelines.md").write_text("Be a customer.\n")
    return folder
