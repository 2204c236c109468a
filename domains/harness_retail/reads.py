"""The tools that change nothing in the shop: each turns its arguments into a record or a text."""

from __future__ import annotations

from harness_retail.records import Order, User
from harness_retail.state import Overlay
from harness_taskkit.state import ToolError
from harness_taskkit.toolbox import calculate as calculate
from harness_taskkit.toolbox import transfer_to_human_agents as transfer_to_human_agents


def find_user_id_by_email(shop: Overlay, email: str) -> str:
    user_id = shop.database.user_ids_by_email.get(email.lower())
    if user_id is None:
        raise ToolError("User not found")
    return user_id


def find_user_id_by_name_zip(shop: Overlay, first_name: str, last_name: str, zip: str) -> str:
    for user_id in shop.database.user_ids_by_first_name.get(first_name.lower(), ()):
        user = shop.user(user_id)
        is_named = user["name"]["last_name"].lower() == last_name.lower()
        if is_named and user["address"]["zip"] == zip:
            return user_id
    raise ToolError("User not found")


def get_user_details(shop: Overlay, user_id: str) -> User:
    return shop.user(user_id)


def get_order_details(shop: Overlay, order_id: str) -> Order:
    return shop.order(order_id)


def get_product_details(shop: Overlay, product_id: str) -> str:
    if product_id not in shop.database.product_texts:
        raise ToolError("Product not found")
    return shop.database.product_texts[product_id]


def get_item_details(shop: Overlay, item_id: str) -> str:
    if item_id not in shop.database.variant_texts:
        raise ToolError("Item not found")
    return shop.database.variant_texts[item_id]


def list_all_product_types(shop: Overlay) -> str:
    return shop.database.product_ids
