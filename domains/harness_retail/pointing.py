"""Find the orders that a customer's words fit, by what is named in them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.types import Fact
from harness_retail.records import Order, User
from harness_retail.state import Database
from harness_retail.targets import names_in
from harness_retail.wording import STATUS_HINTS, spoken

NEW_ITEMS = ("new_item_ids",)
"""What a fact is needed for that tells the wanted variants and nothing else."""

ORDER_ID = re.compile(r"#W\d+")


def pointers(facts: Sequence[Fact]) -> str:
    """What the facts say of the order and the items in it."""
    return " ".join(fact.says[0] for fact in facts if fact.needed_for != NEW_ITEMS)


def products_in(shop: Database, text: str) -> list[str]:
    """The names of the shop's products that the text mentions."""
    names = (spoken(product["name"]) for product in shop.products.values())
    return [name for name in names if name in text.lower()]


def fitting_orders(shop: Database, user: User, facts: Sequence[Fact]) -> list[Order]:
    """The user's orders that the facts fit, in the user's order."""
    orders = [shop.orders[key] for key in user["orders"]]
    return [order for order in orders if _fits(shop, order, facts)]


def _fits(shop: Database, order: Order, facts: Sequence[Fact]) -> bool:
    text = pointers(facts)
    named = ORDER_ID.search(text)
    if named:
        return named[0] == order["order_id"]
    statuses = {status for status in STATUS_HINTS if re.search(rf"\b{status}\b", text)}
    return set(products_in(shop, text)) <= set(names_in(order)) and statuses <= {order["status"]}
