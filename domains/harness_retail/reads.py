"""The tools that change nothing in the shop: each turns its arguments into a record or a text."""

from __future__ import annotations

import json

from harness_retail.arithmetic import evaluate
from harness_retail.records import Order, Product, User, Variant
from harness_retail.state import Overlay, ToolError


def calculate(shop: Overlay, expression: str) -> str:
    return evaluate(expression)


def find_user_id_by_email(shop: Overlay, email: str) -> str:
    for user in shop.users():
        if user["email"].lower() == email.lower():
            return user["user_id"]
    raise ToolError("User not found")


def find_user_id_by_name_zip(shop: Overlay, first_name: str, last_name: str, zip: str) -> str:
    wanted = (first_name.lower(), last_name.lower(), zip)
    for user in shop.users():
        name = user["name"]
        found = (name["first_name"].lower(), name["last_name"].lower(), user["address"]["zip"])
        if found == wanted:
            return user["user_id"]
    raise ToolError("User not found")


def get_user_details(shop: Overlay, user_id: str) -> User:
    return shop.user(user_id)


def get_order_details(shop: Overlay, order_id: str) -> Order:
    return shop.order(order_id)


def get_product_details(shop: Overlay, product_id: str) -> Product:
    if product_id not in shop.database.products:
        raise ToolError("Product not found")
    return shop.database.products[product_id]


def get_item_details(shop: Overlay, item_id: str) -> Variant:
    for product in shop.database.products.values():
        if item_id in product["variants"]:
            return product["variants"][item_id]
    raise ToolError("Item not found")


def list_all_product_types(shop: Overlay) -> str:
    ids = {product["name"]: key for key, product in shop.database.products.items()}
    return json.dumps(ids, sort_keys=True)


def transfer_to_human_agents(shop: Overlay, summary: str) -> str:
    shop.transferred = True
    return "Transfer successful"
