"""Make a finished task harder without changing what it wants: other words, less said, more records.

The wanted calls stay as they are; what the customer says, and the orders it has, are made anew.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from harness.types import Fact, Json, Request, Task, stable_seed
from harness_retail.compat import FIXED, Compat
from harness_retail.database import shop_of
from harness_retail.operations import ITEM_KINDS
from harness_retail.prose import tell
from harness_retail.records import Order, OrderItem, Product, User, as_item, new_order
from harness_retail.retelling import openings, sides
from harness_retail.solve import caller, look_ups, solve
from harness_retail.state import Database
from harness_retail.subjects import HINT, hint_fact
from harness_retail.targets import Target, names_in
from harness_retail.wording import spoken
from harness_taskkit.numbers import Numbers
from harness_taskkit.twisting import Place


@dataclass(frozen=True, slots=True)
class _Scene(Place):
    """The place of the request to change, and whose it is in which shop."""

    shop: Database
    user: User

    @property
    def target(self) -> Target | None:
        """What the request is about; None if it is about no order, or the order is told by id."""
        want = self.request.want
        order = self.shop.orders.get(str(want.arguments.get("order_id"))) if want else None
        facts = self.request.facts
        if want is None or order is None or any("#W" in fact.says[0] for fact in facts):
            return None
        if self.request.kind in ITEM_KINDS:
            ids = want.arguments["item_ids"]
            items = [i for i in order["items"] if isinstance(ids, list) and i["item_id"] in ids]
        else:
            text = facts[0].says[0].lower()
            items = [item for item in order["items"] if spoken(item["name"]) in text][:1]
        hint = next((fact.says for fact in facts if fact.about == HINT), ())
        return Target(order=order, items=tuple(items), hint=hint) if items else None

    def woven(self, request: Request, tags: set[str], world: Mapping[str, Json]) -> Task:
        identity = self.task.scenario.identity
        return self.with_request(
            request, tags, world, lambda requests: tell(self.user, identity, requests)
        )


Twist = Callable[[_Scene], Task | None]


def weave(task: Task, twist: str, seed: int, compat: Compat = FIXED) -> Task | None:
    """The task after the twist, in the first of its requests that can have it; None if none can.

    Raises ``KeyError`` for an unknown twist.
    """
    shop = shop_of(task.world)
    user = caller(shop, look_ups(task))
    if user is None or task.split != "train":
        return None
    rng = random.Random(stable_seed("twist", twist, task.id, seed))
    for place in range(len(task.scenario.requests)):
        made = _TWISTS[twist](_Scene(task, place, rng, shop, user))
        if made is not None and solve(made, compat) is not None:
            return made
    return None


# --- the twists -----------------------------------------------------------------------------------


def _reworded(scene: _Scene) -> Task | None:
    """The same said as people say it who have other things on their mind."""
    request, target = scene.request, scene.target
    if target is None or request.revision is not None:
        return None
    told = [fact for fact in request.facts if fact.volunteered]
    return scene.woven(_retold(scene, target, request.facts, told), set(), {})


def _withheld(scene: _Scene) -> Task | None:
    """A fact of the opening that is told only when the agent asks: a decision, or the hint."""
    request, target = scene.request, scene.target
    if target is None or request.revision is not None:
        return None
    told = [fact for fact in request.facts if fact.volunteered]
    several = request.kind in ITEM_KINDS and len(target.items) > 1
    free = [
        fact
        for fact in told
        if fact.about != "which item it is about"
        and fact.about != "which order it is"
        and not (several and "new_item_ids" in fact.needed_for)
    ]
    if not free:
        return None
    kept = scene.rng.choice(free)
    facts = tuple(replace(f, volunteered=False) if f is kept else f for f in request.facts)
    told = [fact for fact in facts if fact.volunteered]
    return scene.woven(_retold(scene, target, facts, told), {"withheld"}, {})


def _two_orders(scene: _Scene) -> Task | None:
    """A second order with the same thing in it; only what else is in the right one tells them
    apart.
    """
    request, target = scene.request, scene.target
    if target is None or target.hint or request.revision is not None or len(target.items) > 1:
        return None
    hints = [sides(name) for name in names_in(target.order) if name not in target.names]
    others = _unheard_of(scene)
    if not hints or not others:
        return None
    same, other = target.items[0], _item(scene.rng.choice(others), scene.rng)
    items = [OrderItem(**same), other]
    scene.rng.shuffle(items)
    added = _order(scene, items, target.order)
    target = replace(target, hint=scene.rng.choice(hints))
    hint = replace(hint_fact(target, request.kind), volunteered=scene.rng.random() < 0.7)
    pointing = [fact for fact in request.facts if fact.about.startswith("which ")][:1]
    rest = [fact for fact in request.facts if fact not in pointing]
    facts = (*pointing, hint, *rest)
    told = [fact for fact in facts if fact.volunteered]
    if not set(pointing) <= set(told):
        return None
    return scene.woven(
        _retold(scene, target, facts, told), {"two_orders"}, _with_order(scene, added)
    )


def _more_records(scene: _Scene) -> Task | None:
    """One more order to look through, of things that nothing is said about."""
    others = _unheard_of(scene)
    if scene.place or len(scene.user["orders"]) > 6 or len(others) < 2:
        return None
    items = [_item(product, scene.rng) for product in scene.rng.sample(others, 2)]
    like = scene.shop.orders[scene.rng.choice(scene.user["orders"])]
    added = _order(scene, items, like)
    return scene.woven(scene.request, set(), _with_order(scene, added, first=True))


_TWISTS: Mapping[str, Twist] = {
    "reworded": _reworded,
    "more_records": _more_records,
    "withheld": _withheld,
    "two_orders": _two_orders,
}

TWISTS = tuple(_TWISTS)
"""All twists, the mildest first."""


# --- words and records ----------------------------------------------------------------------------


def _retold(scene: _Scene, target: Target, facts: Sequence[Fact], told: Sequence[Fact]) -> Request:
    """The request with new openings that tell these facts, and the amount asked for as before."""
    request = scene.request
    says = openings(request, target, facts, told, scene.rng)
    return replace(request, says=scene.introduced(says), facts=tuple(facts))


def _unheard_of(scene: _Scene) -> list[Product]:
    """Products that are in no order of the customer's and in none of its words."""
    held = {name for key in scene.user["orders"] for name in names_in(scene.shop.orders[key])}
    words = " ".join(_words(scene.task)).lower()
    return [
        product
        for product in scene.shop.products.values()
        if spoken(product["name"]) not in held and spoken(product["name"]) not in words
    ]


def _words(task: Task) -> Iterator[str]:
    for request in task.scenario.requests:
        yield from request.says
        for fact in request.facts:
            yield from fact.says


def _item(product: Product, rng: random.Random) -> OrderItem:
    return as_item(product, rng.choice(list(product["variants"].values())))


def _order(scene: _Scene, items: list[OrderItem], like: Order) -> Order:
    """An order of the customer's with the status of another one, paid and sent as that was."""
    numbers = Numbers(scene.shop.split, scene.rng)
    status = "delivered" if like["fulfillments"] else "pending"
    while (order_id := f"#W{numbers.fresh(7)}") in scene.shop.orders:
        pass
    return new_order(
        order_id,
        scene.user["user_id"],
        like["address"],
        items,
        status=status,
        paid_by=like["payment_history"][0]["payment_method_id"],
        tracking_id=str(numbers.fresh(12)) if status == "delivered" else "",
    )


def _with_order(scene: _Scene, order: Order, *, first: bool = False) -> dict[str, Json]:
    return scene.adding(cast(Json, order), "added_orders", len(scene.user["orders"]), first=first)
