"""Worlds: one shared database, conversations that never see each other."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.types import Json, ToolCall
from harness_retail.database import database
from harness_retail.state import Database
from harness_retail.tools import TOOLS, RetailWorld

SHOP = database("retail/train/5")
ORDERS = list(SHOP.orders)[:6]
USERS = sorted({SHOP.orders[order_id]["user_id"] for order_id in ORDERS})
METHODS = [key for user_id in USERS for key in SHOP.users[user_id]["payment_methods"]]
ITEMS = [item["item_id"] for order_id in ORDERS for item in SHOP.orders[order_id]["items"]]
VARIANTS = [key for product in SHOP.products.values() for key in product["variants"]]

PLAUSIBLE = {
    "order_id": st.sampled_from(ORDERS),
    "user_id": st.sampled_from(USERS),
    "payment_method_id": st.sampled_from(METHODS),
    "item_ids": st.lists(st.sampled_from(ITEMS), max_size=2),
    "new_item_ids": st.lists(st.sampled_from(VARIANTS), max_size=2),
    "reason": st.sampled_from(["no longer needed", "ordered by mistake"]),
}
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def calls(*, odd: bool) -> st.SearchStrategy[ToolCall]:
    def arguments(names: list[str]) -> st.SearchStrategy[dict[str, Json]]:
        return st.fixed_dictionaries(
            {
                name: (ODD | plausible) if odd else plausible
                for name in names
                for plausible in [PLAUSIBLE.get(name, st.sampled_from(["1", "Oak Lane"]))]
            }
        )

    return st.sampled_from(TOOLS).flatmap(
        lambda tool: arguments(list(tool.nouns)).map(
            lambda values: ToolCall(name=tool.name, arguments=values)
        )
    )


@given(st.lists(calls(odd=True), max_size=4))
@settings(max_examples=150, deadline=None)
def test_no_arguments_however_odd_raise_and_a_refused_call_changes_nothing(
    script: list[ToolCall],
) -> None:
    world = RetailWorld(SHOP)
    for call in script:
        before = world.changes()
        result = world.call(call)
        if result.is_error:
            assert result.content.startswith("Error: ")
            assert world.changes() == before
        elif result.content.startswith("{"):
            json.loads(result.content)


def test_a_change_that_is_taken_back_is_no_change(tiny: Database) -> None:
    world = RetailWorld(tiny)
    old = tiny.users["ada_reed_1000"]["address"]
    for address1 in ("9 Elm Street", old["address1"]):
        address: dict[str, Json] = {**old, "address1": address1}
        world.call(
            ToolCall(name="modify_user_address", arguments={"user_id": "ada_reed_1000", **address})
        )
    assert world.changes() == ()


def test_changes_are_sorted_by_path_and_do_not_depend_on_the_order_of_writes(
    tiny: Database,
) -> None:
    cancel = ToolCall(
        name="cancel_pending_order",
        arguments={"order_id": "#W4", "reason": "no longer needed"},
    )
    give_back = ToolCall(
        name="return_delivered_order_items",
        arguments={
            "order_id": "#W2",
            "item_ids": ["11"],
            "payment_method_id": "credit_card_1",
        },
    )
    one, other = RetailWorld(tiny), RetailWorld(tiny)
    for call in (cancel, give_back):
        one.call(call)
    for call in (give_back, cancel):
        other.call(call)
    assert one.changes() == other.changes()
    paths = [change.path for change in one.changes()]
    assert paths == sorted(paths)
    assert ("orders", "#W4", "status") in paths
