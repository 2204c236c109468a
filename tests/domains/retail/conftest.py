"""A shop small enough to know by heart: one customer, one product, one order of each status."""

from __future__ import annotations

import json

import pytest

from harness_retail.records import (
    Address,
    Order,
    OrderItem,
    Product,
    User,
    Variant,
    new_order,
)
from harness_retail.state import Database

ADDRESS = Address(
    address1="1 Oak Lane", address2="Apt 2", city="Austin", country="USA", state="TX", zip="78700"
)


def make_order(order_id: str, status: str, items: list[OrderItem], method_id: str) -> Order:
    return new_order(order_id, "ada_reed_1000", ADDRESS, items, status=status, paid_by=method_id)


def make_item(item_id: str, color: str, price: float) -> OrderItem:
    return OrderItem(
        name="Backpack", product_id="1000", item_id=item_id, price=price, options={"color": color}
    )


def make_variant(item_id: str, color: str, price: float, *, available: bool = True) -> Variant:
    return Variant(item_id=item_id, options={"color": color}, available=available, price=price)


@pytest.fixture
def tiny() -> Database:
    variants = [
        make_variant("11", "red", 10.0),
        make_variant("12", "blue", 20.0),
        make_variant("13", "green", 12.5),
        make_variant("14", "black", 30.0, available=False),
        make_variant("15", "white", 5.0),
        make_variant("16", "pink", 10.1),
        make_variant("17", "grey", 10.0),
    ]
    backpack = Product(
        name="Backpack", product_id="1000", variants={v["item_id"]: v for v in variants}
    )
    lamp = Product(
        name="Desk Lamp", product_id="2000", variants={"21": make_variant("21", "red", 40.0)}
    )
    user = User(
        user_id="ada_reed_1000",
        name={"first_name": "Ada", "last_name": "Reed"},
        address=ADDRESS.copy(),
        email="ada.reed@example.com",
        payment_methods={
            "credit_card_1": {
                "source": "credit_card",
                "id": "credit_card_1",
                "brand": "Visa",
                "last_four": "1234",
            },
            "paypal_2": {"source": "paypal", "id": "paypal_2"},
            "gift_card_3": {"source": "gift_card", "id": "gift_card_3", "balance": 8.0},
        },
        orders=["#W1", "#W2", "#W3", "#W4"],
    )
    red, blue = make_item("11", "red", 10.0), make_item("12", "blue", 20.0)
    orders = [
        make_order("#W1", "pending", [red, blue], "credit_card_1"),
        make_order("#W2", "delivered", [red, blue], "credit_card_1"),
        make_order("#W3", "processed", [red], "credit_card_1"),
        make_order("#W4", "pending", [red], "gift_card_3"),
    ]
    shop = Database(
        name="retail/train/tiny",
        split="train",
        products={"1000": backpack, "2000": lamp},
        users={user["user_id"]: user},
        orders={order["order_id"]: order for order in orders},
    )
    before = _dump(shop)
    yield shop
    assert _dump(shop) == before, "a test wrote to the shared database"


def _dump(shop: Database) -> str:
    return json.dumps([shop.products, shop.users, shop.orders])
