"""One shared database that is never written, and the overlay of what one conversation changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from harness.types import Split
from harness_retail.compat import Compat
from harness_retail.records import Order, Product, User
from harness_taskkit.state import Overlay as Records
from harness_taskkit.state import ToolError


@dataclass(frozen=True, kw_only=True)
class Database:
    """A shop before anybody calls. Shared by all conversations: read it, never write to it.

    The cached properties are about what no tool can change.
    """

    name: str
    split: Split
    products: Mapping[str, Product]
    users: Mapping[str, User]
    orders: Mapping[str, Order]

    @cached_property
    def tables(self) -> Mapping[str, Mapping[str, Any]]:
        """All records by kind and id."""
        return {"products": self.products, "users": self.users, "orders": self.orders}

    @cached_property
    def product_texts(self) -> Mapping[str, str]:
        """Each product as JSON, by its id."""
        return {key: json.dumps(product) for key, product in self.products.items()}

    @cached_property
    def variant_texts(self) -> Mapping[str, str]:
        """Each variant as JSON, by its item id."""
        return {
            item_id: json.dumps(variant)
            for product in self.products.values()
            for item_id, variant in product["variants"].items()
        }

    @cached_property
    def product_ids(self) -> str:
        """All product names with their product ids, as JSON."""
        ids = {product["name"]: product["product_id"] for product in self.products.values()}
        return json.dumps(ids, sort_keys=True)

    @cached_property
    def user_ids_by_email(self) -> Mapping[str, str]:
        """User ids by email in lower case."""
        pairs = [(user["email"].lower(), user_id) for user_id, user in self.users.items()]
        return dict(reversed(pairs))

    @cached_property
    def user_ids_by_first_name(self) -> Mapping[str, list[str]]:
        """User ids by first name in lower case."""
        found: dict[str, list[str]] = {}
        for user_id, user in self.users.items():
            found.setdefault(user["name"]["first_name"].lower(), []).append(user_id)
        return found


class Overlay(Records[Database, Compat]):
    """A shop seen through the writes of one conversation."""

    __slots__ = ()

    def order(self, order_id: str) -> Order:
        """The order as it is now, to be read only. Raises ``ToolError``."""
        key = ("orders", order_id)
        order: Order | None = self._own.get(key) or self.database.orders.get(order_id)
        if order is None:
            raise ToolError("Order not found")
        return order

    def user(self, user_id: str) -> User:
        """The user as it is now, to be read only. Raises ``ToolError``."""
        key = ("users", user_id)
        user: User | None = self._own.get(key) or self.database.users.get(user_id)
        if user is None:
            raise ToolError("User not found")
        return user

    def writable_order(self, order_id: str) -> Order:
        """This conversation's own copy of the order, made on the first write."""
        return cast(Order, self.writable("orders", order_id, "Order"))

    def writable_user(self, user_id: str) -> User:
        """This conversation's own copy of the user, made on the first write."""
        return cast(User, self.writable("users", user_id, "User"))
