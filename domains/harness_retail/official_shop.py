"""The official retail database as one that our tools run on, and our records as official ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter

from harness.types import Json, Task
from harness_retail.database import shop_of
from harness_retail.records import Order, Product, User
from harness_retail.solve import caller, look_ups
from harness_retail.state import Database
from harness_tau2.data import read_database

NAME = "tau2/retail"
"""The database's name, as tasks refer to it."""


@cache
def official_database(folder: Path) -> Database:
    """The retail shop of the official data: ``folder`` has ``domains/retail/db.json`` in it.

    Records have the fields of the official model, in its order, with null where an order has none.
    Read once per folder. Raises ``ConfigError`` if the file is missing or is no retail database.
    """
    return read_database(folder, "retail", _database)


def records_of(task: Task) -> Mapping[str, Json]:
    """The records of the caller of one of our tasks, and the products that its orders are of."""
    shop = shop_of(task.world)
    user = caller(shop, look_ups(task))
    orders = {key: shop.orders[key] for key in (user["orders"] if user else ())}
    users = {user["user_id"]: user} if user else {}
    kept = {item["product_id"] for order in orders.values() for item in order["items"]}
    products = {key: product for key, product in shop.products.items() if key in kept}
    found = {"products": products, "users": users, "orders": orders}
    return cast("dict[str, Json]", found)


def _database(raw: Any) -> Database:
    optional = [
        name
        for name in Order.__annotations__
        if name.startswith(("cancel_", "exchange_", "return_"))
    ]
    orders = {key: {**dict.fromkeys(optional), **order} for key, order in raw["orders"].items()}
    return Database(
        name=NAME,
        split="test",
        products=TypeAdapter(dict[str, Product]).validate_python(raw["products"]),
        users=TypeAdapter(dict[str, User]).validate_python(raw["users"]),
        orders=TypeAdapter(dict[str, Order]).validate_python(orders),
    )
