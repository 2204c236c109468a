"""The shapes of the shop's records, field for field and in the order in which tools print them."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict  # pydantic validates no other before Python 3.12

from harness_taskkit.people import Address as Address
from harness_taskkit.people import Name as Name


class Variant(TypedDict):
    item_id: str
    options: dict[str, str]
    available: bool
    price: float


class Product(TypedDict):
    name: str
    product_id: str
    variants: dict[str, Variant]


class PaymentMethod(TypedDict):
    """``source`` is credit_card (with brand and last_four), paypal, or gift_card (with balance)."""

    source: str
    id: str
    brand: NotRequired[str]
    last_four: NotRequired[str]
    balance: NotRequired[float]


class User(TypedDict):
    user_id: str
    name: Name
    address: Address
    email: str
    payment_methods: dict[str, PaymentMethod]
    orders: list[str]


class OrderItem(TypedDict):
    name: str
    product_id: str
    item_id: str
    price: float
    options: dict[str, str]


class Fulfillment(TypedDict):
    tracking_id: list[str]
    item_ids: list[str]


class Payment(TypedDict):
    """``transaction_type`` is payment or refund; ``amount`` is in US dollars, never negative."""

    transaction_type: str
    amount: float
    payment_method_id: str


class Order(TypedDict):
    """``status``: pending, "pending (item modified)", processed, delivered, cancelled,
    "exchange requested" or "return requested"."""

    order_id: str
    user_id: str
    address: Address
    items: list[OrderItem]
    status: str
    fulfillments: list[Fulfillment]
    payment_history: list[Payment]
    cancel_reason: str | None
    exchange_items: list[str] | None
    exchange_new_items: list[str] | None
    exchange_payment_method_id: str | None
    exchange_price_difference: float | None
    return_items: list[str] | None
    return_payment_method_id: str | None


def as_item(product: Product, variant: Variant) -> OrderItem:
    """The variant as an order has it."""
    return OrderItem(
        name=product["name"],
        product_id=product["product_id"],
        item_id=variant["item_id"],
        price=variant["price"],
        options=dict(variant["options"]),
    )


def new_order(
    order_id: str,
    user_id: str,
    address: Address,
    items: list[OrderItem],
    *,
    status: str,
    paid_by: str,
    tracking_id: str = "",
) -> Order:
    """An order as it was placed, paid in full, and sent where it has a ``tracking_id``."""
    amount = round(sum(item["price"] for item in items), 2)
    sent = Fulfillment(tracking_id=[tracking_id], item_ids=[item["item_id"] for item in items])
    return Order(
        order_id=order_id,
        user_id=user_id,
        address=address.copy(),
        items=items,
        status=status,
        fulfillments=[sent] if tracking_id else [],
        payment_history=[
            Payment(transaction_type="payment", amount=amount, payment_method_id=paid_by)
        ],
        cancel_reason=None,
        exchange_items=None,
        exchange_new_items=None,
        exchange_payment_method_id=None,
        exchange_price_difference=None,
        return_items=None,
        return_payment_method_id=None,
    )
