"""Conversations over one shared database never see each other and never write to it."""

from __future__ import annotations

import json
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.types import Changes, Json, Tool, ToolCall, ToolResult
from harness_retail.compat import FIXED, TAU2, Compat
from harness_retail.database import database
from harness_retail.records import Order, OrderItem
from harness_retail.state import Database
from harness_retail.tools import TOOLS, RetailWorld

NAME = "retail/train/6"
CONVERSATIONS = 4


@cache
def separate(conversation: int) -> Database:
    """A database of the conversation's own."""
    return database.__wrapped__(NAME)


def dump(shop: Database) -> str:
    return json.dumps([shop.products, shop.users, shop.orders])


SHOP = database(NAME)
START = dump(SHOP)
ORDERS = [order for order in SHOP.orders.values() if order["status"] in ("pending", "delivered")]
WRITES = [tool for tool in TOOLS if tool.kind == "write"]


def make_call(tool: Tool, order: Order, turn: int) -> ToolCall:
    """A call about an order and its customer; ``turn`` varies items, variants, method and texts."""
    user = SHOP.users[order["user_id"]]
    items = order["items"][turn % 2 : turn % 2 + 1 + turn % 3]
    methods = list(user["payment_methods"])
    values: dict[str, Json] = {
        **{name: f"{turn} Oak Lane" for name in tool.nouns},
        "order_id": order["order_id"],
        "user_id": user["user_id"],
        "email": user["email"],
        "first_name": user["name"]["first_name"],
        "last_name": user["name"]["last_name"],
        "item_ids": [item["item_id"] for item in items],
        "new_item_ids": [another(item, turn) for item in items],
        "product_id": order["items"][0]["product_id"],
        "item_id": order["items"][0]["item_id"],
        "payment_method_id": methods[turn % len(methods)],
        "reason": "no longer needed",
        "expression": f"{turn} + 1",
    }
    return ToolCall(name=tool.name, arguments={name: values[name] for name in tool.nouns})


def another(item: OrderItem, turn: int) -> str:
    variants = SHOP.products[item["product_id"]]["variants"]
    available = [key for key, variant in variants.items() if variant["available"]]
    return available[turn % len(available)]


CALLS = st.builds(
    make_call,
    st.sampled_from([*TOOLS, *WRITES, *WRITES]),
    st.sampled_from(ORDERS[:6]),
    st.integers(0, 5),
)
SCRIPTS = st.lists(st.tuples(st.integers(0, CONVERSATIONS - 1), CALLS), max_size=24)


@pytest.mark.parametrize("compat", [FIXED, TAU2], ids=["fixed", "tau2"])
def test_interleaved_conversations_go_as_they_go_one_after_the_other(compat: Compat) -> None:
    @given(SCRIPTS)
    @settings(max_examples=150, deadline=None)
    def hold(script: list[tuple[int, ToolCall]]) -> None:
        together = interleaved(script, compat)
        for conversation in range(CONVERSATIONS):
            calls = [call for number, call in script if number == conversation]
            assert together[conversation] == alone(conversation, calls, compat)
        assert dump(SHOP) == START

    hold()


def interleaved(
    script: list[tuple[int, ToolCall]], compat: Compat
) -> list[tuple[list[ToolResult], Changes]]:
    """What each conversation hears and changes, on the shared database."""
    worlds = [RetailWorld(SHOP, compat) for _ in range(CONVERSATIONS)]
    heard: list[list[ToolResult]] = [[] for _ in worlds]
    for number, call in script:
        heard[number].append(worlds[number].call(call))
    return [(results, world.changes()) for results, world in zip(heard, worlds, strict=True)]


def alone(
    conversation: int, calls: list[ToolCall], compat: Compat
) -> tuple[list[ToolResult], Changes]:
    world = RetailWorld(separate(conversation), compat)
    return [world.call(call) for call in calls], world.changes()


def test_most_conversations_so_compared_change_something() -> None:
    changed = []

    @given(SCRIPTS)
    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    def count(script: list[tuple[int, ToolCall]]) -> None:
        talks = interleaved(script, TAU2)
        changed.extend(bool(changes) for results, changes in talks if len(results) > 2)

    count()
    assert sum(changed) > 0.5 * len(changed)


def test_a_conversation_can_write_to_every_order_without_touching_the_database() -> None:
    world = RetailWorld(SHOP)
    for order in SHOP.orders.values():
        method_id = order["payment_history"][0]["payment_method_id"]
        items = [item["item_id"] for item in order["items"]]
        for tool, given_ in (
            ("cancel_pending_order", {"reason": "no longer needed"}),
            ("return_delivered_order_items", {"item_ids": items, "payment_method_id": method_id}),
        ):
            world.call(ToolCall(name=tool, arguments={"order_id": order["order_id"], **given_}))
    statuses = {change.after for change in world.changes() if change.path[-1] == "status"}
    assert statuses == {"cancelled", "return requested"}
    assert dump(SHOP) == START


def test_records_show_the_whole_state_as_it_is_now() -> None:
    world = RetailWorld(SHOP)
    order = next(order for order in ORDERS if order["status"] == "pending")
    cancel: dict[str, Json] = {"order_id": order["order_id"], "reason": "no longer needed"}
    assert not world.call(ToolCall(name="cancel_pending_order", arguments=cancel)).is_error
    records = world.records()
    assert list(records) == ["products", "users", "orders"]
    assert list(records["orders"]) == list(SHOP.orders)
    cancelled = records["orders"][order["order_id"]]
    assert isinstance(cancelled, dict)
    assert cancelled["status"] == "cancelled"
    assert json.dumps(list(RetailWorld(SHOP).records().values())) == START
