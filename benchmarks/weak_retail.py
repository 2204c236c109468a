"""What agents of the retail domain with one known weakness do otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from weak_agents import (
    Scene,
    Weakness,
    hasty,
    impatient,
    made,
    no_transfer,
    obliging,
    refused,
    silent,
    stumbles,
)

from harness.errors import RolloutFault
from harness.types import Json, Request, ToolCall
from harness_retail.database import shop_of
from harness_retail.records import Order, OrderItem, User
from harness_retail.solve import caller, look_ups
from harness_retail.state import Database
from harness_retail.wording import spoken
from harness_scripted.plan import Act


def _shop(scene: Scene) -> Database:
    return shop_of(scene.task.world)


def _user(scene: Scene) -> User:
    user = caller(_shop(scene), look_ups(scene.task))
    if user is None:
        raise RolloutFault("agent_fault", f"nobody is found in {scene.task.id}")
    return user


def _ids(call: ToolCall, name: str) -> list[str]:
    value = call.arguments.get(name)
    return [str(part) for part in value] if isinstance(value, list) else []


def _wish(request: Request) -> str:
    facts = [fact.says[0] for fact in request.facts if fact.needed_for == ("new_item_ids",)]
    return " ".join(facts).lower()


def first_order(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Acts on the first order that holds the thing, in the order of the profile."""
    for number, act in enumerate(scene.acts):
        found = scene.write(act)
        if found is None or "order_id" not in found[1].arguments:
            continue
        place, call = found
        right = _shop(scene).orders[str(call.arguments["order_id"])]
        names = _named(act.request, right, call)
        for key in _user(scene)["orders"]:
            order = _shop(scene).orders[key]
            held = {spoken(item["name"]): item["item_id"] for item in order["items"]}
            if not names or not set(names) <= set(held) or order["status"] != right["status"]:
                continue
            if order is not right:
                changed: dict[str, Json] = {"order_id": key}
                if "item_ids" in call.arguments:
                    changed["item_ids"] = [held[name] for name in names]
                yield number, made(act, place, **changed)
            break


def _named(request: Request, order: Order, call: ToolCall) -> list[str]:
    ids = _ids(call, "item_ids")
    if ids:
        return [spoken(i["name"]) for i in order["items"] if i["item_id"] in ids]
    text = " ".join(fact.says[0] for fact in request.facts[:1]).lower()
    return [name for item in order["items"] if (name := spoken(item["name"])) in text]


def loose_variant(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Takes any variant with what was named, where all else was to stay the same."""
    yield from _other_variant(scene, lambda wish: "same one, but" in wish and ", or " not in wish)


def blind_to_price(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Takes any variant where the cheapest was wanted."""
    yield from _other_variant(scene, lambda wish: "cheapest" in wish)


def _other_variant(scene: Scene, invites: Callable[[str], bool]) -> Iterator[tuple[int, Act]]:
    for number, act in enumerate(scene.acts):
        found, wish = scene.write(act), _wish(act.request)
        if found is None or not invites(wish):
            continue
        place, call = found
        order = _shop(scene).orders[str(call.arguments["order_id"])]
        olds, news = _ids(call, "item_ids"), _ids(call, "new_item_ids")
        for index, (old, new) in enumerate(zip(olds, news, strict=True)):
            item = next(item for item in order["items"] if item["item_id"] == old)
            for other in _variants(_shop(scene), item):
                changed: list[Json] = [*news[:index], other, *news[index + 1 :]]
                wrong = made(act, place, new_item_ids=changed)
                if other not in (old, new) and scene.works(wrong.steps[place].call):
                    yield number, wrong
                    break
            else:
                continue
            break


def _variants(shop: Database, item: OrderItem) -> list[str]:
    variants = shop.products[item["product_id"]]["variants"].values()
    return [variant["item_id"] for variant in variants if variant["available"]]


def no_second_choice(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Refuses when the first choice is not available, though a second was named."""
    for number, act in enumerate(scene.acts):
        found = scene.write(act)
        if found is not None and ", or " in _wish(act.request):
            yield number, refused(act, found[0])


def usual_payment(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Uses another of the customer's payment methods where there are several."""
    for number, act in enumerate(scene.acts):
        found = scene.write(act)
        if found is None or "payment_method_id" not in found[1].arguments:
            continue
        place, call = found
        for key in _user(scene)["payment_methods"]:
            wrong = made(act, place, payment_method_id=key)
            if key != call.arguments["payment_method_id"] and scene.works(wrong.steps[place].call):
                yield number, wrong
                break


def first_item(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Does the first of several items only."""
    for number, act in enumerate(scene.acts):
        found = scene.write(act)
        if found is not None and len(_ids(found[1], "item_ids")) > 1:
            changed: dict[str, Json] = {"item_ids": _ids(found[1], "item_ids")[:1]}
            if "new_item_ids" in found[1].arguments:
                changed["new_item_ids"] = _ids(found[1], "new_item_ids")[:1]
            yield number, made(act, found[0], **changed)


def old_address(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Takes the address it knows instead of the one it was told."""
    home: Mapping[str, Json] = {k: str(v) for k, v in _user(scene)["address"].items()}
    for number, act in enumerate(scene.acts):
        found = scene.write(act)
        told = found[1].arguments if found is not None else {}
        if "address1" in told and any(told[name] != value for name, value in home.items()):
            yield number, made(act, found[0] if found else 0, **home)


def usual_reason(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Gives the same reason for every cancellation."""
    for number, act in enumerate(scene.acts):
        found = scene.write(act)
        if found is not None and found[1].arguments.get("reason") == "ordered by mistake":
            yield number, made(act, found[0], reason="no longer needed")


def one_change(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Refuses a second change to the same order."""
    seen: set[str] = set()
    for number, act in enumerate(scene.acts):
        found = scene.write(act)
        order = str(found[1].arguments.get("order_id", "")) if found else ""
        if found is not None and order in seen:
            yield number, refused(act, found[0])
        seen |= {order} - {""}


RETAIL: tuple[Weakness, ...] = (
    first_order,
    loose_variant,
    blind_to_price,
    no_second_choice,
    usual_payment,
    obliging,
    no_transfer,
    silent,
    first_item,
    hasty,
    stumbles,
    old_address,
    usual_reason,
    one_change,
    impatient,
)
