"""List every outcome that fits a task's words, its records and the policy: a good task has one.

Nothing of the wanted calls is looked at but how each address is spelt: each argument is read anew
from what the customer says when asked, and every value that fits is tried on a fresh shop.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product

from harness.types import Fact, Json, Request, Task, ToolCall
from harness_retail.compat import FIXED, Compat
from harness_retail.database import shop_of
from harness_retail.operations import OPERATIONS
from harness_retail.pointing import fitting_orders, pointers, products_in
from harness_retail.records import Order, OrderItem, PaymentMethod, User, Variant
from harness_retail.solve import caller, look_ups
from harness_retail.state import Database
from harness_retail.subjects import HINT
from harness_retail.tools import RetailWorld
from harness_retail.wording import spoken
from harness_taskkit.choices import told_of
from harness_taskkit.proofs import all_readings

MOST = 64
"""Calls that are tried for one request: the words of one with more fit nearly anything."""

_REASONS = {
    "no longer needed": re.compile(r"no longer need|not need|don't need|needed any ?more"),
    "ordered by mistake": re.compile(r"mistake|accident"),
}

Values = Sequence[Mapping[str, Json]]
"""What some arguments of a call can be together."""


def readings(task: Task, compat: Compat = FIXED) -> list[tuple[ToolCall, ...]]:
    """The wanted calls first if they are among them; then what differs in one request, each with
    an effect of its own. [] if the words of a request lead nowhere.
    """
    shop = shop_of(task.world)
    user = caller(shop, look_ups(task))
    if user is None:
        return []
    return all_readings(
        task,
        lambda request: islice(_fitting(shop, user, request), MOST),
        lambda: RetailWorld(shop, compat),
    )


def _fitting(shop: Database, user: User, request: Request) -> Iterator[ToolCall]:
    """Calls that fit the request's words."""
    operation = OPERATIONS.get(request.kind)
    if operation is not None and request.facts and request.kind != "question":
        yield from _calls(shop, user, request)


def _calls(shop: Database, user: User, request: Request) -> Iterator[ToolCall]:
    operation, facts = OPERATIONS[request.kind], request.facts
    orders = fitting_orders(shop, user, facts) if operation.status else [None]
    for order in orders:
        choices: list[Values] = [[{"user_id": user["user_id"]}]]
        if order is not None:
            choices += [[{"order_id": order["order_id"]}], _items(shop, order, request)]
        choices += [_reasons(facts), _methods(user, order, facts), _addresses(user, request)]
        for parts in product(*(values for values in choices if values is not None)):
            known = {name: value for part in parts for name, value in part.items()}
            if all(name in known for name in operation.arguments):
                arguments = {name: known[name] for name in operation.arguments}
                yield ToolCall(name=operation.tool, arguments=arguments)


# --- one argument after the other -----------------------------------------------------------------


def _reasons(facts: Sequence[Fact]) -> Values:
    text = told_of(facts, "reason").lower()
    named = [reason for reason, pattern in _REASONS.items() if pattern.search(text)]
    return [{"reason": reason} for reason in named or _REASONS]


def _addresses(user: User, request: Request) -> Values:
    """The profile's address where it is named, else the wanted one if every part of it is said."""
    text = told_of(request.facts, "address1").lower()
    if not text or request.want is None:
        return [{}]
    if request.kind != "user_address" and "profile" in text:
        return [{name: str(value) for name, value in user["address"].items()}]
    wanted = {name: request.want.arguments.get(name) for name in user["address"]}
    said = all(str(value).lower() in text for value in wanted.values())
    return [wanted] if said else []


def _methods(user: User, order: Order | None, facts: Sequence[Fact]) -> Values:
    """The payment methods that fit; all of them where none is spoken of."""
    text = told_of(facts, "payment_method_id").lower()
    methods = list(user["payment_methods"].values())
    if text and order is not None and "original payment" in text:
        return [{"payment_method_id": order["payment_history"][0]["payment_method_id"]}]
    named = [method for method in methods if _is_named(method, text)] if text else methods
    return [{"payment_method_id": method["id"]} for method in named]


def _is_named(method: PaymentMethod, text: str) -> bool:
    if method["source"] != "credit_card":
        return spoken(method["source"]).replace("_", " ") in text
    digits = re.search(r"\b\d{4}\b", text)
    if digits:
        return digits[0] == method["last_four"]
    return method["brand"].lower() in text or "credit card" in text


def _items(shop: Database, order: Order, request: Request) -> Values:
    """The named items, each with every variant that fits; {} where the call is not about items."""
    arguments = OPERATIONS[request.kind].arguments
    if "item_ids" not in arguments:
        return [{}]
    text = pointers([fact for fact in request.facts if fact.about != HINT]).lower()
    named = [item for item in order["items"] if spoken(item["name"]) in text]
    groups = [tuple(named)] if named else [(item,) for item in order["items"]]
    found: list[Mapping[str, Json]] = []
    for items in groups:
        old: list[Json] = [item["item_id"] for item in items]
        if "new_item_ids" not in arguments:
            found.append({"item_ids": old})
            continue
        wish = told_of(request.facts, "new_item_ids").lower()
        fitting = [_variants(shop, item, _part(wish, items, item)) for item in items]
        for new in product(*fitting):
            found.append({"item_ids": old, "new_item_ids": list(new)})
    return found


def _part(wish: str, items: Sequence[OrderItem], item: OrderItem) -> str:
    """What of the wish is about one of several items."""
    if len(items) == 1:
        return wish
    names = "|".join(re.escape(spoken(other["name"])) for other in items)
    parts = re.split(rf"(?=\bfor the (?:{names}),)", wish)
    return " ".join(part for part in parts if spoken(item["name"]) in part)


def _variants(shop: Database, item: OrderItem, wish: str) -> list[str]:
    """The item ids of the variants that can be had and that the wish fits."""
    others = [
        variant
        for key, variant in shop.products[item["product_id"]]["variants"].items()
        if key != item["item_id"]
    ]
    there = [variant for variant in others if variant["available"]]
    if any(name != spoken(item["name"]) for name in products_in(shop, wish)):
        return []
    if "cheapest" in wish:
        everything = [v for v in _all(shop, item) if v["available"]]
        least = min((v["price"] for v in everything), default=0.0)
        return [v["item_id"] for v in there if v["price"] == least]
    first, either, second = wish.partition(", or ")
    fitting = [v for v in there if _fits(v, item, others, first)]
    if either and not fitting:
        # A second choice leaves unsaid what it has in common with the first.
        same = "the same one " if "same" in first else ""
        fitting = [v for v in there if _fits(v, item, others, same + second)]
    return [variant["item_id"] for variant in fitting]


def _all(shop: Database, item: OrderItem) -> list[Variant]:
    return list(shop.products[item["product_id"]]["variants"].values())


def _fits(variant: Variant, item: OrderItem, others: Sequence[Variant], wish: str) -> bool:
    """Whether a variant has what is named, and with "the same", all else as the item has it."""
    for option, value in variant["options"].items():
        known = {v["options"][option] for v in others} | {item["options"][option]}
        named = {text for text in known if _has(wish, text)}
        if named and value not in named:
            return False
        if not named and "same" in wish and value != item["options"][option]:
            return False
    return True


def _has(wish: str, words: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(words.lower())}(?![\w-])", wish) is not None
