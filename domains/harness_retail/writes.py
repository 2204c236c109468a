"""The tools that change orders and users. All checks come first: a refused call changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from harness_retail.records import Address, Order, OrderItem, Payment, PaymentMethod, User, Variant
from harness_retail.state import Overlay, ToolError, copied

CANCEL_REASONS = ("no longer needed", "ordered by mistake")
"""The reasons for which an order may be cancelled."""


def cancel_pending_order(shop: Overlay, order_id: str, reason: str) -> Order:
    order = shop.order(order_id)
    if order["status"] != "pending":
        raise ToolError("Non-pending order cannot be cancelled")
    if reason not in CANCEL_REASONS:
        raise ToolError("Invalid reason")
    history = list(order["payment_history"])
    for payment in history:
        _method(shop, order, payment["payment_method_id"])
    order = shop.writable_order(order_id)
    for payment in history:
        amount, method_id = payment["amount"], payment["payment_method_id"]
        order["payment_history"].append(_refund(amount, method_id))
        _add_to_gift_card(shop, order["user_id"], method_id, amount)
    order["status"] = "cancelled"
    order["cancel_reason"] = reason
    return order


def modify_pending_order_address(
    shop: Overlay,
    order_id: str,
    address1: str,
    address2: str,
    city: str,
    state: str,
    country: str,
    zip: str,
) -> Order:
    order = shop.order(order_id)
    _check_modifiable(order)
    address = _address(address1, address2, city, state, country, zip)
    order = shop.writable_order(order_id)
    order["address"] = address
    return order


def modify_pending_order_payment(shop: Overlay, order_id: str, payment_method_id: str) -> Order:
    order = shop.order(order_id)
    _check_modifiable(order)
    method = _method(shop, order, payment_method_id)
    history = order["payment_history"]
    if len(history) != 1 or history[0]["transaction_type"] != "payment":
        raise ToolError("There should be exactly one payment for a pending order")
    amount, old_id = history[0]["amount"], history[0]["payment_method_id"]
    if old_id == payment_method_id:
        raise ToolError("The new payment method should be different from the current one")
    if not _covers(method, amount):
        raise ToolError("Insufficient gift card balance to pay for the order")
    order = shop.writable_order(order_id)
    order["payment_history"] += [_payment(amount, payment_method_id), _refund(amount, old_id)]
    _add_to_gift_card(shop, order["user_id"], payment_method_id, -amount)
    _add_to_gift_card(shop, order["user_id"], old_id, amount)
    return order


def modify_pending_order_items(
    shop: Overlay,
    order_id: str,
    item_ids: list[str],
    new_item_ids: list[str],
    payment_method_id: str,
) -> Order:
    order = shop.order(order_id)
    if order["status"] != "pending":
        raise ToolError("Non-pending order cannot be modified")
    ordered = [item["item_id"] for item in order["items"]]
    for item_id in item_ids:
        if item_ids.count(item_id) > ordered.count(item_id):
            raise ToolError(f"{item_id} not found")
    if len(item_ids) != len(new_item_ids):
        raise ToolError("The number of items to be exchanged should match")
    difference, variants = _price_difference(shop, order, item_ids, new_item_ids, must_differ=True)
    method = _method(shop, order, payment_method_id)
    if not _covers(method, difference):
        raise ToolError("Insufficient gift card balance to pay for the new item")
    order = shop.writable_order(order_id)
    entry = _payment if difference > 0 else _refund
    order["payment_history"].append(entry(abs(difference), payment_method_id))
    _add_to_gift_card(shop, order["user_id"], payment_method_id, -difference)
    _replace_items(order, item_ids, variants)
    order["status"] = "pending (item modified)"
    return order


def exchange_delivered_order_items(
    shop: Overlay,
    order_id: str,
    item_ids: list[str],
    new_item_ids: list[str],
    payment_method_id: str,
) -> Order:
    order = shop.order(order_id)
    if order["status"] != "delivered":
        raise ToolError("Non-delivered order cannot be exchanged")
    ordered = [item["item_id"] for item in order["items"]]
    for item_id in item_ids:
        if item_ids.count(item_id) > ordered.count(item_id):
            raise ToolError(f"Number of {item_id} not found.")
    if len(item_ids) != len(new_item_ids):
        raise ToolError("The number of items to be exchanged should match.")
    difference, _ = _price_difference(shop, order, item_ids, new_item_ids, must_differ=False)
    method = _method(shop, order, payment_method_id)
    if not _covers(method, difference):
        raise ToolError("Insufficient gift card balance to pay for the price difference")
    order = shop.writable_order(order_id)
    order["status"] = "exchange requested"
    order["exchange_items"] = sorted(item_ids)
    order["exchange_new_items"] = sorted(new_item_ids)
    order["exchange_payment_method_id"] = payment_method_id
    order["exchange_price_difference"] = round(difference, 2)
    return order


def return_delivered_order_items(
    shop: Overlay, order_id: str, item_ids: list[str], payment_method_id: str
) -> Order:
    order = shop.order(order_id)
    if order["status"] != "delivered":
        raise ToolError("Non-delivered order cannot be returned")
    method = _method(shop, order, payment_method_id)
    original = order["payment_history"][0]["payment_method_id"]
    if method["source"] != "gift_card" and payment_method_id != original:
        raise ToolError("Payment method should be the original payment method")
    ordered = [item["item_id"] for item in order["items"]]
    for item_id in item_ids:
        if item_ids.count(item_id) > ordered.count(item_id):
            raise ToolError("Some item not found")
    order = shop.writable_order(order_id)
    order["status"] = "return requested"
    order["return_items"] = sorted(item_ids)
    order["return_payment_method_id"] = payment_method_id
    return order


def modify_user_address(
    shop: Overlay,
    user_id: str,
    address1: str,
    address2: str,
    city: str,
    state: str,
    country: str,
    zip: str,
) -> User:
    shop.user(user_id)
    address = _address(address1, address2, city, state, country, zip)
    user = shop.writable_user(user_id)
    user["address"] = address
    return user


def _check_modifiable(order: Order) -> None:
    if "pending" not in order["status"]:
        raise ToolError("Non-pending order cannot be modified")


def _method(shop: Overlay, order: Order, payment_method_id: str) -> PaymentMethod:
    methods = shop.user(order["user_id"])["payment_methods"]
    if payment_method_id not in methods:
        raise ToolError("Payment method not found")
    return methods[payment_method_id]


def _covers(method: PaymentMethod, amount: float) -> bool:
    return method["source"] != "gift_card" or method["balance"] >= amount


def _add_to_gift_card(shop: Overlay, user_id: str, method_id: str, amount: float) -> None:
    if shop.user(user_id)["payment_methods"][method_id]["source"] != "gift_card":
        return
    card = shop.writable_user(user_id)["payment_methods"][method_id]
    card["balance"] = round(card["balance"] + amount, 2)


def _payment(amount: float, method_id: str) -> Payment:
    return Payment(transaction_type="payment", amount=amount, payment_method_id=method_id)


def _refund(amount: float, method_id: str) -> Payment:
    return Payment(transaction_type="refund", amount=amount, payment_method_id=method_id)


def _price_difference(
    shop: Overlay,
    order: Order,
    item_ids: Sequence[str],
    new_item_ids: Sequence[str],
    *,
    must_differ: bool,
) -> tuple[float, list[Variant]]:
    difference, variants = 0.0, []
    for item_id, new_item_id in zip(item_ids, new_item_ids, strict=True):
        if must_differ and item_id == new_item_id:
            raise ToolError("The new item id should be different from the old item id")
        item = _item(order, item_id)
        product = shop.database.products[item["product_id"]]
        if new_item_id not in product["variants"]:
            raise ToolError("Variant not found")
        variant = product["variants"][new_item_id]
        if not variant["available"]:
            raise ToolError(f"New item {new_item_id} not found or available")
        difference += variant["price"] - item["price"]
        variants.append(variant)
    return difference, variants


def _replace_items(order: Order, item_ids: Sequence[str], variants: Sequence[Variant]) -> None:
    """Each item becomes its own variant (in tau2 all get price and options of the last one)."""
    for item_id, variant in zip(item_ids, variants, strict=True):
        item = _item(order, item_id)
        item["item_id"] = variant["item_id"]
        item["price"] = variant["price"]
        item["options"] = copied(variant["options"])


def _item(order: Order, item_id: str) -> OrderItem:
    for item in order["items"]:
        if item["item_id"] == item_id:
            return item
    raise ToolError(f"Item {item_id} not found")


def _address(
    address1: str, address2: str, city: str, state: str, country: str, zip: str
) -> Address:
    address = Address(
        address1=address1, address2=address2, city=city, country=country, state=state, zip=zip
    )
    for field, value in address.items():
        if not isinstance(value, str):
            raise ToolError(f"{field} should be a string")
    return address
