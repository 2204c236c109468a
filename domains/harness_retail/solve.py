"""Plan the calls that fulfil a task from what its customer says, and replay them as proof."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from harness.types import Fact, Request, Task, ToolCall
from harness_retail.compat import FIXED, Compat
from harness_retail.database import shop_of
from harness_retail.operations import OPERATIONS
from harness_retail.pointing import NEW_ITEMS, ORDER_ID, fitting_orders, pointers, products_in
from harness_retail.records import Order, User
from harness_retail.state import Database
from harness_retail.tools import TOOLS, RetailWorld
from harness_retail.wording import spoken
from harness_taskkit.proofs import solution

_EMAIL = re.compile(r"[\w.]+@[\w.]+\w")
_ZIP = re.compile(r"\b\d{5}\b")
_NAME = re.compile(r"(?:I am|My name is) (\w+) (\w+)")


def solve(task: Task, compat: Compat = FIXED) -> list[list[ToolCall]] | None:
    """One group of calls per request: look-ups first, then the write.

    Which records are read follows from the customer's words alone. None if the words do not lead
    to the order the request wants, if a call fails that should not, or if the gold state is missed.
    """
    shop = shop_of(task.world)
    identity = look_ups(task)
    user = caller(shop, identity)
    if user is None:
        return None
    planner = _Planner(shop, user)
    return solution(
        task,
        [*identity, _read("get_user_details", user["user_id"])],
        lambda request, transfers: transfers or planner.plan(request),
        lambda: RetailWorld(shop, compat),
        TOOLS,
    )


def look_ups(task: Task) -> list[ToolCall]:
    """The calls that find the customer, in the order in which it tells what they need."""
    return [call for fact in task.scenario.identity if (call := _look_up(fact)) is not None]


def _look_up(fact: Fact) -> ToolCall | None:
    """The call that a fact about the customer's identity allows."""
    text = fact.says[0]
    if email := _EMAIL.search(text):
        return ToolCall(name="find_user_id_by_email", arguments={"email": email[0]})
    code, name = _ZIP.search(text), _NAME.search(text)
    if code is None or name is None:
        return None
    return ToolCall(
        name="find_user_id_by_name_zip",
        arguments={"first_name": name[1], "last_name": name[2], "zip": code[0]},
    )


def caller(shop: Database, look_ups: Sequence[ToolCall]) -> User | None:
    """The user whom the last of the look-ups finds."""
    world = RetailWorld(shop)
    results = [world.call(call) for call in look_ups]
    return shop.users.get(results[-1].content) if results else None


def _read(tool: str, key: str) -> ToolCall:
    return ToolCall(name=tool, arguments={f"{tool.split('_')[1]}_id": key})


@dataclass(frozen=True, slots=True)
class _Planner:
    shop: Database
    user: User
    seen: set[str] = field(default_factory=set)

    def plan(self, request: Request) -> list[ToolCall] | None:
        """The reads that a request needs and that were not made before, then its write."""
        wanted = [request.want] if request.want else []
        if not request.facts or request.kind == "user_address":
            return wanted
        order = self._only(request.facts)
        if order is None:
            return None
        if request.want and request.want.arguments["order_id"] != order["order_id"]:
            return None
        orders = self._orders_to_read(order, request.facts)
        products = self._products_to_read(order, request)
        reads = [_read("get_order_details", key) for key in orders if self._is_new(key)]
        reads += [_read("get_product_details", key) for key in products if self._is_new(key)]
        return [*reads, *wanted]

    def _is_new(self, key: str) -> bool:
        is_new = key not in self.seen
        self.seen.add(key)
        return is_new

    def _only(self, facts: Sequence[Fact]) -> Order | None:
        """The one order that fits the facts; None if none or several do."""
        fitting = fitting_orders(self.shop, self.user, facts)
        return fitting[0] if len(fitting) == 1 else None

    def _orders_to_read(self, order: Order, facts: Sequence[Fact]) -> list[str]:
        """The order alone if its id was told; all if only a later answer decides; else up to it."""
        if ORDER_ID.search(pointers(facts)):
            return [order["order_id"]]
        told = [fact for fact in facts if fact.volunteered or "order_id" in fact.needed_for]
        if self._only(told) is None:
            return self.user["orders"]
        return self.user["orders"][: self.user["orders"].index(order["order_id"]) + 1]

    def _products_to_read(self, order: Order, request: Request) -> list[str]:
        """The products of the items to be swapped, where a look at their variants can matter."""
        operation = OPERATIONS[request.kind]
        if "new_item_ids" not in operation.arguments or order["status"] != operation.status:
            return []
        named = products_in(self.shop, pointers(request.facts))
        variants = " ".join(f.says[0] for f in request.facts if f.needed_for == NEW_ITEMS)
        if not set(products_in(self.shop, variants)) <= set(named):
            return []
        items = {item["item_id"]: item for item in order["items"]}
        if request.want is None:
            return [i["product_id"] for i in items.values() if spoken(i["name"]) in named]
        old_ids = cast("list[str]", request.want.arguments["item_ids"])
        return [items[item_id]["product_id"] for item_id in old_ids]
