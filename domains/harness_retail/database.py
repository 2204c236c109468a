"""Turn a name such as ``retail/train/17`` into a small shop: products, customers, orders."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import lru_cache

from harness.types import Json, Split
from harness_retail.catalogue import KINDS, make_product
from harness_retail.people import make_user
from harness_retail.records import Order, Payment, Product, User, as_item, new_order
from harness_retail.state import Database
from harness_taskkit.generated import split_of, started
from harness_taskkit.numbers import Numbers
from harness_taskkit.people import full_names, make_address
from harness_taskkit.plan import drawn

_USERS = 36
_PRODUCTS = 20
_STATUSES = {"pending": 44, "delivered": 40, "processed": 10, "cancelled": 6}
_ORDERS_PER_USER = {1: 12, 2: 27, 3: 31, 4: 19, 5: 11}
_ITEMS_PER_ORDER = {1: 25, 2: 40, 3: 25, 4: 10}


def database_name(split: Split, seed: int) -> str:
    return f"retail/{split}/{seed}"


@lru_cache(maxsize=256)
def database(name: str) -> Database:
    """The shop of that name: the same on every machine; other splits share none of its ids.

    Raises ``ConfigError`` if the name is not ``retail/SPLIT/SEED``.
    """
    return _Builder(name, split_of(name, "retail")).build()


def shop_of(world: Mapping[str, Json]) -> Database:
    """The shop that a task starts in: its database, with the orders that were added for the task.

    Raises ``ConfigError`` if there is no such database.
    """
    found: Database = started(world, database, "orders", "order_id")
    return found


class _Builder:
    def __init__(self, name: str, split: Split) -> None:
        self.name = name
        self.split = split
        self.rng = random.Random(name)
        self.numbers = Numbers(split, self.rng)
        self.orders: dict[str, Order] = {}

    def build(self) -> Database:
        kinds = self.rng.sample(KINDS, _PRODUCTS)
        products = [make_product(kind, self.numbers, self.rng) for kind in kinds]
        names = full_names(_USERS, self.rng)
        users = [make_user(first, last, self.numbers, self.rng) for first, last in names]
        for user in users:
            self._add_orders(user, products)
        return Database(
            name=self.name,
            split=self.split,
            products={product["product_id"]: product for product in products},
            users={user["user_id"]: user for user in users},
            orders=self.orders,
        )

    def _add_orders(self, user: User, products: list[Product]) -> None:
        """Give the user orders; where there are several, two often hold the same product."""
        count = drawn(_ORDERS_PER_USER, self.rng)
        baskets = [
            self.rng.sample(products, drawn(_ITEMS_PER_ORDER, self.rng)) for _ in range(count)
        ]
        statuses = [drawn(_STATUSES, self.rng) for _ in baskets]
        if len(baskets) > 1 and self.rng.random() < 0.6:
            one, other = self.rng.sample(range(len(baskets)), 2)
            shared = self.rng.choice(baskets[one])
            if shared not in baskets[other]:
                place = self.rng.randrange(len(baskets[other]) + 1)
                baskets[other].insert(place, shared)
            if self.rng.random() < 0.5:
                statuses[other] = statuses[one]
        for basket, status in zip(baskets, statuses, strict=True):
            order = self._order(user, basket, status)
            self.orders[order["order_id"]] = order
            user["orders"].append(order["order_id"])

    def _order(self, user: User, basket: list[Product], status: str) -> Order:
        variants = [self.rng.choice(list(product["variants"].values())) for product in basket]
        items = [as_item(*pair) for pair in zip(basket, variants, strict=True)]
        elsewhere = self.rng.random() < 0.15
        address = make_address(self.numbers, self.rng) if elsewhere else user["address"]
        method_id = self.rng.choice(list(user["payment_methods"]))
        order = new_order(
            f"#W{self.numbers.fresh(7)}",
            user["user_id"],
            address,
            items,
            status=status,
            paid_by=method_id,
            tracking_id="" if status == "pending" else str(self.numbers.fresh(12)),
        )
        if status == "cancelled":
            order["cancel_reason"] = "no longer needed"
            amount = order["payment_history"][0]["amount"]
            order["payment_history"].append(
                Payment(transaction_type="refund", amount=amount, payment_method_id=method_id)
            )
        return order
