"""Our retail tools with all switches as in tau2 answer and act as the official ones do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st

from harness.types import Json, Tool, ToolCall
from harness_retail.compat import TAU2, Compat
from harness_retail.records import Order, OrderItem, User
from harness_retail.state import Database
from harness_retail.tools import TOOLS

from .official import (
    RETAIL,
    environment,
    needs_tau2,
    official_answer,
    official_hash,
    our_state_hash,
)
from .parity import CALLS, EXPRESSIONS, ODD, assert_alike, compare, expressions, spoilt

pytestmark = [needs_tau2, pytest.mark.filterwarnings("ignore::SyntaxWarning")]

WRITES = tuple(tool for tool in TOOLS if tool.kind == "write")

SWAPS = tuple(tool for tool in WRITES if "payment_method_id" in tool.nouns)


@cache
def shop() -> Database:
    found: Database = RETAIL.database
    return found


@cache
def callers() -> list[User]:
    """Customers with several orders, and those with two items of one product or one twice."""
    found = []
    for user in shop().users.values():
        orders = [shop().orders[key] for key in user["orders"]]
        doubled = [
            o for o in orders if len({i["product_id"] for i in o["items"]}) < len(o["items"])
        ]
        if len(orders) > 2 or doubled:
            found.append(user)
    return found


# --- what is called ------------------------------------------------------------------------------


@st.composite
def conversations(draw: Callable[..., Any]) -> list[ToolCall]:
    """Calls about the orders of one customer, so that they meet what earlier ones left."""
    rng = draw(st.randoms(use_true_random=True))
    user = rng.choice(callers())
    return [make_call(rng, user, draw) for _ in range(CALLS)]


def make_call(rng: Random, user: User, draw: Callable[..., Any]) -> ToolCall:
    tool = rng.choice((*TOOLS, *WRITES, *WRITES, *SWAPS))
    given = arguments(rng, tool, user)
    if tool.name == "calculate":
        given["expression"] = draw(expressions())
    return spoilt(rng, tool, given)


def arguments(rng: Random, tool: Tool, user: User) -> dict[str, Any]:
    """Arguments that go through more often than not."""
    orders = [shop().orders[key] for key in user["orders"]]
    status = "delivered" if "delivered" in tool.name else "pending"
    fitting = [order for order in orders if order["status"] == status]
    order = rng.choice(fitting if fitting and rng.random() < 0.9 else orders)
    items, new_items = swaps(rng, order)
    paid = order["payment_history"][0]["payment_method_id"]
    given: dict[str, Any] = {
        **rng.choice(callers())["address"],
        "order_id": order["order_id"],
        "item_ids": items,
        "new_item_ids": new_items,
        "user_id": user["user_id"],
        "payment_method_id": rng.choice([*user["payment_methods"]] * 3 + [paid, "paypal_0"]),
        "reason": rng.choice(["no longer needed", "ordered by mistake"]),
        "email": rng.choice([user["email"], user["email"].upper(), "x@example.com"]),
        "first_name": user["name"]["first_name"].upper(),
        "last_name": user["name"]["last_name"],
        "product_id": order["items"][0]["product_id"],
        "item_id": order["items"][0]["item_id"],
        "summary": "The customer wants an invoice.",
    }
    if tool.name == "find_user_id_by_name_zip":
        given["zip"] = user["address"]["zip"]
    return {name: given[name] for name in tool.nouns if name in given}


def swaps(rng: Random, order: Order) -> tuple[list[str], list[str]]:
    """Items of an order and what they are swapped for: mostly variants that can be had."""
    count = min(rng.choice((0, 1, 1, 1, 2, 2, 3)), len(order["items"]))
    items = rng.sample(order["items"], count)
    old = [item["item_id"] for item in items]
    if rng.random() < 0.05:
        old.append(rng.choice(["1", "", *old]))
    return old, [replacement(rng, order, item) for item in items]


def replacement(rng: Random, order: Order, item: OrderItem) -> str:
    variants = shop().products[item["product_id"]]["variants"]
    others = [key for key in variants if key != item["item_id"]]
    fine = [key for key in others if variants[key]["available"]] or others
    as_dear = [key for key in fine if variants[key]["price"] == item["price"]] or fine
    ordered = [i["item_id"] for i in order["items"] if i["product_id"] == item["product_id"]]
    groups = (ordered, as_dear, others, fine, fine, fine, fine, [item["item_id"]], ["1"])
    return rng.choice(rng.choice(groups) or fine)


# --- what is compared ----------------------------------------------------------------------------


def test_the_official_database_has_its_official_hash() -> None:
    assert our_state_hash(RETAIL.world()) == RETAIL.start_hash
    assert official_hash(environment()) == RETAIL.start_hash


def test_every_record_is_read_alike() -> None:
    for name, argument, keys in (
        ("get_order_details", "order_id", shop().orders),
        ("get_user_details", "user_id", shop().users),
        ("get_product_details", "product_id", shop().products),
    ):
        reads = [ToolCall(name=name, arguments={argument: key}) for key in keys]
        made, world = environment(), RETAIL.world()
        for read in reads:
            assert official_answer(made, read) == (world.call(read).content, False)


def test_2_000_calls_are_answered_alike_and_leave_the_same_state() -> None:
    compare(RETAIL, conversations, 200, hashed=5)


@pytest.mark.slow
def test_20_000_calls_are_answered_alike_and_leave_the_same_state() -> None:
    compare(RETAIL, conversations, 2_000, hashed=50)


@pytest.mark.parametrize("switch", [field.name for field in fields(Compat)])
def test_the_comparison_notices_each_switch(switch: str) -> None:
    other = replace(TAU2, **{switch: not getattr(TAU2, switch)})
    with pytest.raises(AssertionError):
        compare(RETAIL, conversations, 200, compat=other)


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=range(len(EXPRESSIONS)))
def test_each_odd_expression_is_worked_out_alike(expression: str) -> None:
    assert_alike(RETAIL, [ToolCall(name="calculate", arguments={"expression": expression})])


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_each_argument_of_an_odd_type_is_answered_alike(odd: Json) -> None:
    user = shop().users["yusuf_rossi_9620"]
    for order_id in user["orders"]:
        order = shop().orders[order_id]
        valid = {
            "order_id": order_id,
            "item_ids": [order["items"][0]["item_id"]],
            "new_item_ids": [order["items"][0]["item_id"]],
            "payment_method_id": next(iter(user["payment_methods"])),
        }
        for tool in TOOLS:
            for spoiled in tool.nouns:
                given = {name: valid.get(name, "1") for name in tool.nouns} | {spoiled: odd}
                assert_alike(RETAIL, [ToolCall(name=tool.name, arguments=given)])
