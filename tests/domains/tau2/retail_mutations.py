"""Ways to go right or wrong that only conversations about retail orders have."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from harness.types import Json, ToolCall

from .drawing import Calls, Hand, ids_in, with_argument
from .mutations import COMMON, Mutate, named, with_several

REASONS = ("no longer needed", "ordered by mistake", "too expensive", "")
_ADDRESS = ("address1", "address2", "city", "state", "country", "zip")
_LISTS = ("item_ids", "new_item_ids")
_UNKNOWN = ("refund_order", "Cancel_pending_order", "think", "get_db_hash", "db")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetailHand(Hand):
    """Draws orders, items and variants of the official shop."""

    def order(self, *statuses: str) -> str:
        orders = self.database.orders.items()
        return self.rng.choice([key for key, order in orders if order["status"] in statuses])

    def variants(self, item_id: str) -> Collection[str]:
        """The item and its siblings."""
        for product in self.database.products.values():
            if item_id in product["variants"]:
                return product["variants"]
        return ()

    def read(self) -> ToolCall:
        order = self.database.orders[self.rng.choice(list(self.database.orders))]
        user = self.database.users[order["user_id"]]
        reads: list[tuple[str, dict[str, Json]]] = [
            ("get_order_details", {"order_id": order["order_id"]}),
            ("get_user_details", {"user_id": user["user_id"]}),
            ("get_product_details", {"product_id": order["items"][0]["product_id"]}),
            ("find_user_id_by_email", {"email": user["email"].upper()}),
            ("list_all_product_types", {}),
            ("calculate", {"expression": "(3 - 2.5) * 4"}),
            ("transfer_to_human_agents", {"summary": "The customer asks for it."}),
        ]
        name, arguments = self.rng.choice(reads)
        return ToolCall(name=name, arguments=arguments)

    def write_to(self, order_id: str) -> ToolCall:
        """A write to the order that mostly succeeds if it is pending or delivered."""
        order = self.database.orders[order_id]
        method_id = order["payment_history"][0]["payment_method_id"]
        items = [item["item_id"] for item in order["items"]]
        new = [self.other(self.variants(item), item) for item in items[:1]]
        other_method = self.other(
            self.database.users[order["user_id"]]["payment_methods"], method_id
        )
        address: dict[str, Json] = {**order["address"], "city": "Ghent"}
        swap: dict[str, Json] = {"item_ids": [*items[:1]], "new_item_ids": [*new]}
        pending: list[tuple[str, dict[str, Json]]] = [
            ("cancel_pending_order", {"reason": self.rng.choice(REASONS[:2])}),
            ("modify_pending_order_address", address),
            ("modify_pending_order_items", {**swap, "payment_method_id": method_id}),
            ("modify_pending_order_payment", {"payment_method_id": other_method}),
        ]
        delivered: list[tuple[str, dict[str, Json]]] = [
            (
                "return_delivered_order_items",
                {"item_ids": [*items[:1]], "payment_method_id": method_id},
            ),
            ("exchange_delivered_order_items", {**swap, "payment_method_id": method_id}),
        ]
        name, arguments = self.rng.choice(delivered if order["status"] == "delivered" else pending)
        return ToolCall(name=name, arguments={"order_id": order_id, **arguments})

    def write(self) -> ToolCall:
        return self.write_to(self.order("pending", "delivered"))

    def failing(self) -> ToolCall:
        address: dict[str, Json] = dict.fromkeys(_ADDRESS, "x")
        user_id = next(iter(self.database.users))
        failing: list[tuple[str, dict[str, Json]]] = [
            ("cancel_pending_order", {"order_id": self.order("delivered"), "reason": REASONS[0]}),
            ("cancel_pending_order", {"order_id": self.order("pending"), "reason": ""}),
            ("get_order_details", {"order_id": "#W0000000"}),
            ("get_product_details", {"product_id": "0"}),
            ("find_user_id_by_email", {"email": "nobody@example.com"}),
            ("modify_user_address", {"user_id": "nobody_1", **address}),
            ("modify_user_address", {"user_id": user_id, **address, "zip": 1}),
            ("calculate", {"expression": "1 / 0"}),
            ("calculate", {"expression": "2 plus 2"}),
        ]
        name, arguments = self.rng.choice(failing)
        return ToolCall(name=name, arguments=arguments)

    def strange(self) -> ToolCall:
        arguments: dict[str, Json] = {"order_id": self.order("pending")}
        return ToolCall(name=self.rng.choice(_UNKNOWN), arguments=arguments)


def with_each_list(call: ToolCall, change: Callable[[list[str]], list[str]]) -> ToolCall:
    """The call with both its lists of items changed alike."""
    for name in _LISTS:
        if name in call.arguments:
            call = with_argument(call, name, [*change(ids_in(call, name))])
    return call


def _another_order(hand: RetailHand, calls: Calls) -> Calls | None:
    def another(value: str) -> Json:
        order = hand.database.orders.get(value)
        near = hand.database.users[order["user_id"]]["orders"] if order else []
        return hand.other(near, value) or hand.other(hand.database.orders, value)

    return hand.argument(calls, another, "order_id")


def _misspelt_order(hand: RetailHand, calls: Calls) -> Calls | None:
    def misspelt(value: str) -> Json:
        return hand.rng.choice([value[1:], f"{value}0", value.lower(), f" {value}", "#W1"])

    return hand.argument(calls, misspelt, "order_id")


def _another_user(hand: RetailHand, calls: Calls) -> Calls | None:
    def another(value: str) -> Json:
        user = hand.database.users[hand.rng.choice(list(hand.database.users))]
        if "@" in value:
            return user["email"]
        return user["user_id"] if "_" in value else user["name"]["last_name"]

    return hand.argument(calls, another, "user_id", "email", "first_name", "last_name")


def _another_product(hand: RetailHand, calls: Calls) -> Calls | None:
    return hand.argument(
        calls, lambda value: hand.other(hand.database.products, value), "product_id"
    )


def _another_item(hand: RetailHand, calls: Calls) -> Calls | None:
    def another(call: ToolCall, item_id: str) -> Json:
        order = hand.database.orders.get(str(call.arguments.get("order_id")))
        near = [item["item_id"] for item in order["items"]] if order else []
        return hand.other(near, item_id) or hand.other(hand.variants(item_id), item_id)

    return hand.element(calls, "item_ids", another)


def _another_variant(hand: RetailHand, calls: Calls) -> Calls | None:
    return hand.element(
        calls, "new_item_ids", lambda call, item_id: hand.other(hand.variants(item_id), item_id)
    )


def _variant_of_another_product(hand: RetailHand, calls: Calls) -> Calls | None:
    def stranger(call: ToolCall, item_id: str) -> Json:
        product = hand.database.products[hand.rng.choice(list(hand.database.products))]
        return hand.rng.choice(list(product["variants"]))

    return hand.element(calls, "new_item_ids", stranger)


def _product_for_variant(hand: RetailHand, calls: Calls) -> Calls | None:
    return hand.element(
        calls, "new_item_ids", lambda call, item_id: next(iter(hand.database.products))
    )


def _pairs_turned(hand: RetailHand, calls: Calls) -> Calls | None:
    """Old and new items still belong together; only the order of the pairs is another."""

    return hand.change(
        calls,
        lambda call: with_each_list(call, lambda ids: ids[::-1]),
        where=lambda call: len(ids_in(call, "item_ids")) > 1,
    )


def _pairs_crossed(hand: RetailHand, calls: Calls) -> Calls | None:
    """The new items in another order than the old ones."""
    return hand.change(
        calls,
        lambda call: with_argument(call, "new_item_ids", ids_in(call, "new_item_ids")[::-1]),
        where=lambda call: len(ids_in(call, "new_item_ids")) > 1,
    )


def _fewer_items(hand: RetailHand, calls: Calls) -> Calls | None:
    return hand.change(
        calls,
        lambda call: with_each_list(call, lambda ids: ids[:-1]),
        where=lambda call: ids_in(call, "item_ids"),
    )


def _fewer_new_items(hand: RetailHand, calls: Calls) -> Calls | None:
    return hand.change(
        calls,
        lambda call: with_argument(call, "new_item_ids", ids_in(call, "new_item_ids")[1:]),
        where=lambda call: ids_in(call, "new_item_ids"),
    )


def _another_payment_method(hand: RetailHand, calls: Calls) -> Calls | None:
    def another(value: str) -> Json:
        users = hand.database.users.values()
        owned = [user["payment_methods"] for user in users if value in user["payment_methods"]]
        return hand.other(owned[0] if owned else (), value) or "credit_card_0000000"

    return hand.argument(calls, another, "payment_method_id")


def _another_address(hand: RetailHand, calls: Calls) -> Calls | None:
    return hand.argument(
        calls, lambda value: hand.rng.choice(["", f"{value}.", "Ghent"]), *_ADDRESS
    )


def _another_reason(hand: RetailHand, calls: Calls) -> Calls | None:
    return hand.argument(calls, lambda value: hand.other(REASONS, value), "reason")


def _wrong_type_in_a_list(hand: RetailHand, calls: Calls) -> Calls | None:
    def retyped(call: ToolCall, item_id: str) -> Json:
        number = int(item_id) if item_id.isdecimal() else 0
        return hand.rng.choice([number, float(number), None, [item_id]])

    return hand.element(calls, "item_ids", retyped)


def _text_for_a_list(hand: RetailHand, calls: Calls) -> Calls | None:
    return hand.change(
        calls,
        lambda call: with_argument(call, "item_ids", ",".join(ids_in(call, "item_ids"))),
        where=lambda call: ids_in(call, "item_ids"),
    )


def _write_before(hand: RetailHand, calls: Calls) -> Calls | None:
    """Another write to an order that a gold call writes to, just before it."""
    orders = hand.database.orders
    places = [
        index
        for index, call in enumerate(calls)
        if hand.is_write(call) and str(call.arguments.get("order_id")) in orders
    ]
    if not places:
        return None
    index = hand.rng.choice(places)
    calls.insert(index, hand.write_to(str(calls[index].arguments["order_id"])))
    return calls


def _corrected_address(hand: RetailHand, calls: Calls) -> Calls | None:
    """A wrong address first, then the gold one: the end is as it should be."""
    places = [index for index, call in enumerate(calls) if "address1" in call.arguments]
    if not places:
        return None
    index = hand.rng.choice(places)
    calls.insert(index, with_argument(calls[index], "address1", "1 Wrong Lane"))
    return calls


KINDS: Mapping[str, Mutate] = with_several(
    {
        **COMMON,
        **named(
            _another_order,
            _misspelt_order,
            _another_user,
            _another_product,
            _another_item,
            _another_variant,
            _variant_of_another_product,
            _product_for_variant,
            _pairs_turned,
            _pairs_crossed,
            _fewer_items,
            _fewer_new_items,
            _another_payment_method,
            _another_address,
            _another_reason,
            _wrong_type_in_a_list,
            _text_for_a_list,
            _write_before,
            _corrected_address,
        ),
    }
)
"""The ways to go right or wrong, by name."""

HARMLESS = frozenset(
    {
        "gold",
        "another product",
        "corrected address",
        "extra reads",
        "failing call",
        "unknown tool",
        "call by the user",
        "writes only",
        "one twice",
        "all twice",
    }
)
"""The mutations that leave the database as it should be."""

HARMFUL = frozenset({"another reason"})
"""Those that never do."""
