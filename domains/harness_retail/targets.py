"""Pick the order and items that a request is about, and how the customer points them out."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from harness_retail.records import Order, OrderItem, User
from harness_retail.state import Database
from harness_retail.wording import STATUS_HINTS, hint_sentences, spoken

_KNOWS_ID = 0.07


@dataclass(frozen=True, slots=True)
class Customer:
    """A user about to call; ``used`` are orders of earlier requests of the conversation.

    ``open`` are those among them of which nothing but the address was changed. ``about`` are names
    of products that it calls about if it can.
    """

    database: Database
    user: User
    rng: random.Random
    used: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    about: frozenset[str] = frozenset()

    def prefers(self, names: Sequence[str]) -> bool:
        """Whether it would rather call about these products than about others."""
        return not self.about.isdisjoint(names)

    @property
    def orders(self) -> list[Order]:
        return [self.database.orders[order_id] for order_id in self.user["orders"]]

    def orders_with(self, names: Sequence[str]) -> list[Order]:
        """The user's orders that hold all the named products."""
        return [order for order in self.orders if set(names) <= set(names_in(order))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """``items`` of ``order``: the customer knows their names and, if ``knows_id``, the order's id.

    ``hint``: wordings that tell the order from the one other with such items; () if there is none.
    """

    order: Order
    items: tuple[OrderItem, ...]
    knows_id: bool = False
    hint: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(spoken(item["name"]) for item in self.items)

    @property
    def spoken_id(self) -> str:
        """The order id if the customer has it at hand, else ""."""
        return self.order["order_id"] if self.knows_id else ""


def find_target(
    customer: Customer,
    statuses: Sequence[str],
    *,
    several: bool = False,
    two_orders: bool = False,
    again: bool = False,
) -> Target | None:
    """A target in an order with one of the statuses, which the customer can point out; or None.

    With ``two_orders`` exactly one other order of the user holds the item as well; without it the
    description fits one order only, or the customer knows the id. With ``again`` it is an order
    whose address an earlier request changed; without, one that no earlier request is about.
    """
    rng = customer.rng
    orders = rng.sample(customer.orders, len(customer.orders))
    for order in sorted(orders, key=lambda order: not customer.prefers(names_in(order))):
        order_id = order["order_id"]
        free = order_id in customer.open if again else order_id not in customer.used
        if order["status"] not in statuses or not free:
            continue
        for items in _groups(customer, order, several):
            target = _point_out(customer, order, items, two_orders)
            if target is not None:
                return target
    return None


def names_in(order: Order) -> list[str]:
    return [spoken(item["name"]) for item in order["items"]]


def _groups(customer: Customer, order: Order, several: bool) -> Iterator[tuple[OrderItem, ...]]:
    rng = customer.rng
    items = rng.sample(order["items"], len(order["items"]))
    items.sort(key=lambda item: not customer.prefers([spoken(item["name"])]))
    if not several:
        yield from ((item,) for item in items)
    elif len(items) > 1:
        yield tuple(items[: rng.choice((2, 2, 3))])


def _point_out(
    customer: Customer, order: Order, items: tuple[OrderItem, ...], two_orders: bool
) -> Target | None:
    matches = customer.orders_with([spoken(item["name"]) for item in items])
    if two_orders:
        others = [match for match in matches if match is not order]
        hints = _hints(order, others[0], items) if len(others) == 1 else []
        return Target(order=order, items=items, hint=customer.rng.choice(hints)) if hints else None
    if customer.rng.random() < _KNOWS_ID:
        return Target(order=order, items=items, knows_id=True)
    return Target(order=order, items=items) if len(matches) == 1 else None


def _hints(order: Order, other: Order, items: Sequence[OrderItem]) -> list[tuple[str, ...]]:
    """Ways to tell an order from the other one."""
    telling = [name for name in names_in(order) if name not in names_in(other)]
    hints = [hint_sentences(name) for name in telling]
    if order["status"] != other["status"] and order["status"] in STATUS_HINTS:
        hints.append(STATUS_HINTS[order["status"]])
    return hints
