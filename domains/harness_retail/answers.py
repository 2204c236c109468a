"""What a call on an order moves, which customers want to be told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from harness.types import ToolCall
from harness_retail.records import Order
from harness_retail.state import Database


def amount_of(shop: Database, order: Order, call: ToolCall) -> float:
    """What a call on an order moves, in US dollars.

    The price of the returned items, what new items cost more than the old, or else the total.
    """
    if "item_ids" not in call.arguments:
        return order["payment_history"][0]["amount"]
    prices = {item["item_id"]: item["price"] for item in order["items"]}
    before = sum(prices[item_id] for item_id in _ids(call, "item_ids"))
    if "new_item_ids" not in call.arguments:
        return before
    after = sum(_price(shop, item_id) for item_id in _ids(call, "new_item_ids"))
    return after - before


def _ids(call: ToolCall, argument: str) -> Sequence[str]:
    return cast("list[str]", call.arguments[argument])


def _price(shop: Database, item_id: str) -> float:
    variants = (product["variants"] for product in shop.products.values())
    return next(found[item_id]["price"] for found in variants if item_id in found)
