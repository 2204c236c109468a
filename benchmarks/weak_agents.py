"""Agents of the retail domain that do all well but for one known weakness.

Each weakness looks at records and words, as a careless agent would, and never at a task's tags: it
errs where the situation invites it and nowhere else.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.errors import RolloutFault
from harness.protocols import AgentTurn, Conversation, Domain
from harness.types import Json, Request, Task, ToolCall
from harness_retail.database import shop_of
from harness_retail.records import Order, OrderItem, User
from harness_retail.solve import caller, look_ups
from harness_retail.state import Database
from harness_retail.wording import spoken
from harness_scripted.bench import Bench
from harness_scripted.plan import Act, Step, plan
from harness_scripted.script import Script, Turns


@dataclass(frozen=True, slots=True)
class Scene:
    """A task as an agent meets it: the records of its customer, and what would be right to do."""

    task: Task
    domain: Domain
    shop: Database
    user: User
    acts: tuple[Act, ...]

    def write(self, act: Act) -> tuple[int, ToolCall] | None:
        """The place and the call of the write of an act; None if it makes none."""
        want = act.request.want
        found = [(n, step.call) for n, step in enumerate(act.steps)]
        return next(((n, call) for n, call in found if want and call.same_as(want)), None)

    def works(self, call: ToolCall) -> bool:
        """Whether the call goes through on a fresh world."""
        return not self.domain.open(self.task).call(call).is_error


Weakness = Callable[[Scene], Iterator[tuple[int, Act]]]
"""The acts that the weak agent does otherwise, with their places."""


class WeakAgent:
    """The expert with one weakness, by name."""

    def __init__(self, name: str) -> None:
        self.id = f"weak:{name}"
        self.weakness = WEAKNESSES[name]
        self._playing: dict[str, Turns] = {}

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        turns = self._playing.get(conversation.id)
        if turns is not None:
            return turns.send(conversation.messages)
        own = seed - len(conversation.messages)
        acts = self.acts(conversation.task, conversation.domain)
        script = Script(conversation.task, conversation.domain, seed=own)
        turns = self._playing[conversation.id] = script.play(acts, conversation.messages)
        return next(turns)

    def forget(self, conversation_id: str) -> None:
        self._playing.pop(conversation_id, None)

    def acts(self, task: Task, domain: Domain) -> list[Act]:
        """What the agent does; raises ``RolloutFault`` if the solver sees no solution."""
        acts = plan(task, domain)
        shop = shop_of(task.world)
        user = caller(shop, look_ups(task))
        if acts is None or user is None:
            raise RolloutFault("agent_fault", f"{task.id} has no solution")
        changed = [*acts]
        for place, act in self.weakness(Scene(task, domain, shop, user, acts)):
            changed[place] = act
        stop = next((n for n, act in enumerate(changed) if act.ending == "stop"), len(changed))
        return changed[: stop + 1]


# --- what the weak do otherwise -------------------------------------------------------------------


def _made(act: Act, place: int, **arguments: Json) -> Act:
    """The act with other arguments in its write; what was proposed stays as it was."""
    step = act.steps[place]
    call = replace(step.call, arguments={**step.call.arguments, **arguments})
    return replace(
        act, steps=(*act.steps[:place], replace(step, call=call), *act.steps[place + 1 :])
    )


def _refused(act: Act, place: int) -> Act:
    return replace(act, steps=act.steps[:place], ending="refused", refusal="that is not possible")


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
        right = scene.shop.orders[str(call.arguments["order_id"])]
        names = _named(act.request, right, call)
        for key in scene.user["orders"]:
            order = scene.shop.orders[key]
            held = {spoken(item["name"]): item["item_id"] for item in order["items"]}
            if not names or not set(names) <= set(held) or order["status"] != right["status"]:
                continue
            if order is not right:
                changed: dict[str, Json] = {"order_id": key}
                if "item_ids" in call.arguments:
                    changed["item_ids"] = [held[name] for name in names]
                yield number, _made(act, place, **changed)
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
        order = scene.shop.orders[str(call.arguments["order_id"])]
        olds, news = _ids(call, "item_ids"), _ids(call, "new_item_ids")
        for index, (old, new) in enumerate(zip(olds, news, strict=True)):
            item = next(item for item in order["items"] if item["item_id"] == old)
            for other in _variants(scene.shop, item):
                changed: list[Json] = [*news[:index], other, *news[index + 1 :]]
                wrong = _made(act, place, new_item_ids=changed)
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
            yield number, _refused(act, found[0])


def usual_payment(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Uses another of the customer's payment methods where there are several."""
    for number, act in enumerate(scene.acts):
        found = scene.write(act)
        if found is None or "payment_method_id" not in found[1].arguments:
            continue
        place, call = found
        for key in scene.user["payment_methods"]:
            wrong = _made(act, place, payment_method_id=key)
            if key != call.arguments["payment_method_id"] and scene.works(wrong.steps[place].call):
                yield number, wrong
                break


def obliging(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Finds something to carry out where it should refuse."""
    bench = Bench(scene.domain, scene.task, scene.acts, random.Random(scene.task.id))
    for number, act in enumerate(scene.acts):
        if act.ending == "refused":
            call = next(bench.inventions(act.request.verbs), None)
            if call is not None:
                yield number, replace(act, steps=(*act.steps, Step(call=call)), ending="done")


def no_transfer(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Refuses what a human should take over."""
    for number, act in enumerate(scene.acts):
        if act.ending == "transferred":
            reads = tuple(step for step in act.steps if step.call.name.startswith(("find", "get")))
            yield number, replace(act, steps=reads, ending="refused", refusal="")


def silent(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Does not say what the customer asked to be told."""
    yield from ((n, replace(act, tell=())) for n, act in enumerate(scene.acts) if act.tell)


def first_item(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Does the first of several items only."""
    for number, act in enumerate(scene.acts):
        found = scene.write(act)
        if found is not None and len(_ids(found[1], "item_ids")) > 1:
            changed: dict[str, Json] = {"item_ids": _ids(found[1], "item_ids")[:1]}
            if "new_item_ids" in found[1].arguments:
                changed["new_item_ids"] = _ids(found[1], "new_item_ids")[:1]
            yield number, _made(act, found[0], **changed)


def hasty(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Writes without waiting for a yes, which shows where the customer changes its mind."""
    for number, act in enumerate(scene.acts):
        found = scene.write(act)
        if found is not None and act.request.revision is not None:
            step = replace(act.steps[found[0]], call=act.request.revision.proposal, proposals=())
            yield number, replace(act, steps=(*act.steps[: found[0]], step))


def stumbles(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Gives up when the first look-up of the customer finds nobody."""
    if len(scene.task.scenario.identity) > 1:
        yield 0, replace(scene.acts[0], steps=scene.acts[0].steps[:1], ending="stop")


def old_address(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Takes the address it knows instead of the one it was told."""
    home: Mapping[str, Json] = {k: str(v) for k, v in scene.user["address"].items()}
    for number, act in enumerate(scene.acts):
        found = scene.write(act)
        told = found[1].arguments if found is not None else {}
        if "address1" in told and any(told[name] != value for name, value in home.items()):
            yield number, _made(act, found[0] if found else 0, **home)


def usual_reason(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Gives the same reason for every cancellation."""
    for number, act in enumerate(scene.acts):
        found = scene.write(act)
        if found is not None and found[1].arguments.get("reason") == "ordered by mistake":
            yield number, _made(act, found[0], reason="no longer needed")


def one_change(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Refuses a second change to the same order."""
    seen: set[str] = set()
    for number, act in enumerate(scene.acts):
        found = scene.write(act)
        order = str(found[1].arguments.get("order_id", "")) if found else ""
        if found is not None and order in seen:
            yield number, _refused(act, found[0])
        seen |= {order} - {""}


def impatient(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Gives up on a request that does not say all at once."""
    for number, act in enumerate(scene.acts):
        found = scene.write(act)
        if found is not None and any(not fact.volunteered for fact in act.request.facts):
            yield number, replace(act, steps=act.steps[: found[0]], ending="stop")
            return


WEAKNESSES: Mapping[str, Weakness] = {
    weakness.__name__: weakness
    for weakness in (
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
}


def names() -> Sequence[str]:
    return list(WEAKNESSES)
