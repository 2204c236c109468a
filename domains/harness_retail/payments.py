"""What the tools know of money: who pays with what, and what has been paid and refunded."""

from __future__ import annotations

from collections.abc import Sequence

from harness_retail.records import Order, Payment, PaymentMethod
from harness_retail.state import Overlay
from harness_taskkit.state import ToolError


def method_of(shop: Overlay, order: Order, payment_method_id: str) -> PaymentMethod:
    """The method in the profile of the order's customer. Raises ``ToolError``."""
    methods = shop.user(order["user_id"])["payment_methods"]
    if payment_method_id not in methods:
        raise ToolError("Payment method not found")
    return methods[payment_method_id]


def covers(method: PaymentMethod, amount: float) -> bool:
    """Whether the amount (US dollars) can be paid with it: only a gift card runs out."""
    return method["source"] != "gift_card" or method["balance"] >= amount


def add_to_gift_card(shop: Overlay, user_id: str, method_id: str, amount: float) -> None:
    """Book the amount (US dollars, negative to pay) if the method is a gift card."""
    if shop.user(user_id)["payment_methods"][method_id]["source"] != "gift_card":
        return
    card = shop.writable_user(user_id)["payment_methods"][method_id]
    card["balance"] = round(card["balance"] + amount, 2)


def payment(amount: float, method_id: str) -> Payment:
    """An entry of a payment history by which the customer pays."""
    return Payment(transaction_type="payment", amount=amount, payment_method_id=method_id)


def refund(amount: float, method_id: str) -> Payment:
    """An entry of a payment history by which the customer gets money back."""
    return Payment(transaction_type="refund", amount=amount, payment_method_id=method_id)


def all_refunded(history: Sequence[Payment]) -> list[tuple[str, float]]:
    """Method and amount of each entry, refunds too."""
    return [(entry["payment_method_id"], entry["amount"]) for entry in history]


def what_was_paid(history: Sequence[Payment]) -> list[tuple[str, float]]:
    """What was paid with each method and not refunded to it."""
    paid: dict[str, float] = {}
    for entry in history:
        sign = 1 if entry["transaction_type"] == "payment" else -1
        method_id = entry["payment_method_id"]
        paid[method_id] = round(paid.get(method_id, 0.0) + sign * entry["amount"], 2)
    return [(method_id, amount) for method_id, amount in paid.items() if amount > 0]
