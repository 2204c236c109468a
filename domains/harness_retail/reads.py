"""The tools that change nothing in the shop: each turns its arguments into a record or a text."""

from __future__ import annotations

import json

from harness_retail.arithmetic import evaluate
from harness_retail.records import Order, Product, User, Variant
from harness_retail.state import Overlay, ToolError


def calculate(state: Overlay, expression: str) -> str:
    return evaluate(expression)


def find_user_id_by_email(state: Overlay, email: str) -> str:
    for user in state.users():
        if user["email"].lower() == email.lower():
            return user["user_id"]
    raise ToolError("User not found")


def find_user_id_by_name_zip(state: Overlay, first_name: str, last_name: str, zip: str) -> str:
    wanted = (first_name.lower(), last_name.lower(), zip)
    for user in state.users():
        name = user["name"]
        found = (name["first_name"].lower(), name["last_name"].lower(), user["address"]["zip"])
        if found == wanted:
            return user["user_id"]
    raise ToolError("User not found")


def get_user_details(state: Overlay, user_id: str) -> User:
    return state.user(user_id)


def get_order_details(state: Overlay, order_id: str) -> Order:
    return state.order(order_id)


def get_product_details(state: Overlay, product_id: str) -> Product:
    if product_id not in state.database.products:
        raise ToolError("Product not found")
    return state.database.products[product_id]


def get_item_details(state: Overlay, item_id: str) -> Variant:
    for product in state.database.products.values():
        if item_id in product["variants"]:
            return product["variants"][item_id]
    raise ToolError("Item not found")


def list_all_product_types(state: Overlay) -> str:
    ids = {product["name"]: key for key, product in state.database.products.items()}
    return json.dumps(ids, sort_keys=True)


def transfer_to_human_agents(state: Overlay, summary: str) -> str:
    state.transferred = True
    return "Transfer successful"
