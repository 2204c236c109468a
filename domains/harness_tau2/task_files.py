"""Turn tasks into a τ²-format task file: the official loader reads it, the official shop plays it.

A generated retail task happens in a shop of its own: its customer, orders and products go along as
``initial_state``, and are merged into the official shop before the conversation begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from harness.assembly.config import read_options
from harness.errors import FormatError
from harness.protocols import Settings
from harness.types import Json, Recording, Task
from harness_retail.shop import shop_of
from harness_retail.solve import caller, look_ups
from harness_tau2.files import write_json
from harness_tau2.official_tasks import write_task
from harness_tau2.tasks import official_task
from harness_tau2.wire import as_object, fields

GENERATED = "retail"
"""Our domain whose generated shops can be merged into the official one."""


@dataclass(frozen=True, slots=True)
class NoOptions:
    """The format has nothing to set."""


class TaskFileFormat:
    """A JSON list of tasks, without conversations; only written."""

    def recognises(self, path: Path) -> bool:
        return False

    def read(self, path: Path) -> Recording:
        raise FormatError(
            f"{path} cannot be read as conversations: a task file holds none",
            hint="Import the results.json that tau2 wrote of conversations on these tasks.",
        )

    def write(self, recording: Recording, path: Path) -> None:
        """Raises ``FormatError`` if there is no task to write."""
        if not recording.tasks:
            raise FormatError("there are no tasks to write", hint="`harness tasks` lists them.")
        write_json([task_entry(task) for task in recording.tasks], path)


def tasks_format(settings: Settings) -> TaskFileFormat:
    """The format; raises ``ConfigError`` for any option."""
    read_options(NoOptions, settings, name="tau2-tasks")
    return TaskFileFormat()


def task_entry(task: Task) -> dict[str, Json]:
    """The official form of a task, with the records it happens in."""
    entry = write_task(task)
    if official_task(task) is None and task.domain == GENERATED:
        scenario = as_object(entry["user_scenario"], "user_scenario")
        told = {**fields(scenario, "instructions"), "domain": GENERATED}
        entry["user_scenario"] = {**scenario, "instructions": told}
        data: dict[str, Json] = {"agent_data": _records(task), "user_data": None}
        entry["initial_state"] = {
            "initialization_data": data,
            "initialization_actions": None,
            "message_history": None,
        }
    return entry


def _records(task: Task) -> dict[str, Json]:
    """The customer's own records, and the products that its orders are of."""
    shop = shop_of(task.world)
    user = caller(shop, look_ups(task))
    orders = {key: shop.orders[key] for key in (user["orders"] if user else ())}
    users = {user["user_id"]: user} if user else {}
    kept = {item["product_id"] for order in orders.values() for item in order["items"]}
    products = {key: product for key, product in shop.products.items() if key in kept}
    found = {"products": products, "users": users, "orders": orders}
    return cast("dict[str, Json]", found)
