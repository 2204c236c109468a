"""The tools that change orders and users. All checks come first: a refused call changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from harness_retail.payments import (
    add_to_gift_card,
    all_refunded,
    covers,
    method_of,
    payment,
    refund,
    what_was_paid,
)
from harness_retail.records import Address, Order, OrderItem, User, Variant
from harness_retail.state import Overlay
from harness_taskkit.arguments import check_as_pydantic
from harness_taskkit.state import ToolError, copied

CANCEL_REASONS = frozenset({"no longer needed", "ordered by mistake"})
"""The reasons for which an order may be cancelled."""

_MODIFIED = "pending (item modified)"


def cancel_pending_order(shop: Overlay, order_id: str, reason: str) -> Order:
    order = shop.order(order_id)
    if order["status"] != "pending":
        raise ToolError("Non-pending order cannot be cancelled")
    if reason not in CANCEL_REASONS:
        raise ToolError("Invalid reason")
    refunds = all_refunded if shop.compat.repeated_refunds else what_was_paid
    amounts = refunds(order["payment_history"])
    for method_id, _ in amounts:
        method_of(shop, order, method_id)
    order = shop.writable_order(order_id)
    for method_id, amount in amounts:
        order["payment_history"].append(refund(amount, method_id))
        add_to_gift_card(shop, order["user_id"], method_id, amount)
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
    _check_modifiable(shop, order)
    address = _address(shop, address1, address2, city, state, country, zip)
    order = shop.writable_order(order_id)
    order["address"] = address
    return order


def modify_pending_order_payment(shop: Overlay, order_id: str, payment_method_id: str) -> Order:
    order = shop.order(order_id)
    _check_modifiable(shop, order)
    method = method_of(shop, order, payment_method_id)
    history = order["payment_history"]
    if len(history) != 1 or history[0]["transaction_type"] != "payment":
        raise ToolError("There should be exactly one payment for a pending order")
    amount, old_id = history[0]["amount"], history[0]["payment_method_id"]
    if old_id == payment_method_id:
        raise ToolError("The new payment method should be different from the current one")
    if not covers(method, amount):
        raise ToolError("Insufficient gift card balance to pay for the order")
    method_of(shop, order, old_id)
    order = shop.writable_order(order_id)
    order["payment_history"] += [payment(amount, payment_method_id), refund(amount, old_id)]
    add_to_gift_card(shop, order["user_id"], payment_method_id, -amount)
    add_to_gift_card(shop, order["user_id"], old_id, amount)
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
    _check_ordered(order, item_ids, "{} not found")
    if len(item_ids) != len(new_item_ids):
        raise ToolError("The number of items to be exchanged should match")
    difference, variants = _price_difference(shop, order, item_ids, new_item_ids, must_differ=True)
    if not shop.compat.unrounded_amounts:
        difference = round(difference, 2)
    method = method_of(shop, order, payment_method_id)
    if not covers(method, difference):
        raise ToolError("Insufficient gift card balance to pay for the new item")
    order = shop.writable_order(order_id)
    if difference or shop.compat.zero_refunds:
        entry = payment if difference > 0 else refund
        order["payment_history"].append(entry(float(abs(difference)), payment_method_id))
    add_to_gift_card(shop, order["user_id"], payment_method_id, -difference)
    replace = _replace_by_last if shop.compat.last_variant else _replace
    replace(order, item_ids, variants)
    order["status"] = _MODIFIED
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
    _check_ordered(order, item_ids, "Number of {} not found.")
    if len(item_ids) != len(new_item_ids):
        raise ToolError("The number of items to be exchanged should match.")
    must_differ = not shop.compat.same_item_exchange
    exact, _ = _price_difference(shop, order, item_ids, new_item_ids, must_differ=must_differ)
    difference = round(exact, 2)
    method = method_of(shop, order, payment_method_id)
    if not covers(method, difference):
        raise ToolError("Insufficient gift card balance to pay for the price difference")
    order = shop.writable_order(order_id)
    order["status"] = "exchange requested"
    order["exchange_items"] = sorted(item_ids)
    order["exchange_new_items"] = sorted(new_item_ids)
    order["exchange_payment_method_id"] = payment_method_id
    order["exchange_price_difference"] = difference
    return order


def return_delivered_order_items(
    shop: Overlay, order_id: str, item_ids: list[str], payment_method_id: str
) -> Order:
    order = shop.order(order_id)
    if order["status"] != "delivered":
        raise ToolError("Non-delivered order cannot be returned")
    method = method_of(shop, order, payment_method_id)
    original = order["payment_history"][0]["payment_method_id"]
    if method["source"] != "gift_card" and payment_method_id != original:
        raise ToolError("Payment method should be the original payment method")
    _check_ordered(order, item_ids, "Some item not found")
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
    address = _address(shop, address1, address2, city, state, country, zip)
    user = shop.writable_user(user_id)
    user["address"] = address
    return user


def _check_modifiable(shop: Overlay, order: Order) -> None:
    was_modified = order["status"] == _MODIFIED and shop.compat.changes_after_modification
    if order["status"] != "pending" and not was_modified:
        raise ToolError("Non-pending order cannot be modified")


def _check_ordered(order: Order, item_ids: Sequence[str], problem: str) -> None:
    ordered = [item["item_id"] for item in order["items"]]
    for item_id in item_ids:
        if item_ids.count(item_id) > ordered.count(item_id):
            raise ToolError(problem.format(item_id))


def _price_difference(
    shop: Overlay,
    order: Order,
    item_ids: Sequence[str],
    new_item_ids: Sequence[str],
    *,
    must_differ: bool,
) -> tuple[float, list[Variant]]:
    difference: float = 0
    variants: list[Variant] = []
    for item_id, new_item_id in zip(item_ids, new_item_ids, strict=True):
        if must_differ and item_id == new_item_id:
            raise ToolError("The new item id should be different from the old item id")
        item = _item(order["items"], item_id)
        product = shop.database.products[item["product_id"]]
        if new_item_id not in product["variants"]:
            raise ToolError("Variant not found")
        variant = product["variants"][new_item_id]
        if not variant["available"]:
            raise ToolError(f"New item {new_item_id} not found or available")
        difference += variant["price"] - item["price"]
        variants.append(variant)
    return difference, variants


def _replace(order: Order, item_ids: Sequence[str], variants: Sequence[Variant]) -> None:
    """Each item, found before any is replaced, becomes its own variant."""
    left = list(order["items"])
    for item_id, variant in zip(item_ids, variants, strict=True):
        item = _item(left, item_id)
        left = [other for other in left if other is not item]
        item["item_id"] = variant["item_id"]
        item["price"] = variant["price"]
        item["options"] = copied(variant["options"])


def _replace_by_last(order: Order, item_ids: Sequence[str], variants: Sequence[Variant]) -> None:
    """One after the other by id, so that one just replaced may be found again; all get price and
    options of the last variant."""
    for item_id, variant in zip(item_ids, variants, strict=True):
        item = _item(order["items"], item_id)
        item["item_id"] = variant["item_id"]
        item["price"] = variants[-1]["price"]
        item["options"] = copied(variants[-1]["options"])


def _item(items: Sequence[OrderItem], item_id: str) -> OrderItem:
    for item in items:
        if item["item_id"] == item_id:
            return item
    raise ToolError(f"Item {item_id} not found")


def _address(
    shop: Overlay, address1: str, address2: str, city: str, state: str, country: str, zip: str
) -> Address:
    address = Address(
        address1=address1, address2=address2, city=city, country=country, state=state, zip=zip
    )
    if shop.compat.untyped_arguments:
        check_as_pydantic(address)
    return address
