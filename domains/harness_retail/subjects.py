"""How a customer says which order and which items it means: facts, and the opening sentence."""

from __future__ import annotations

from collections.abc import Sequence

from harness.types import Fact
from harness_retail.operations import ITEM_KINDS, OPERATIONS
from harness_retail.targets import Customer, Target, names_in
from harness_retail.wording import LEADS, items_phrases, whole_order_phrases
from harness_taskkit.wording import the, with_article

HINT = "which of the two orders you mean"
"""What a fact is about that tells an order from the other one with the same thing in it."""

_ORDER_WORDS = ("which order", "what order", "order id", "order number")
_ITEM_WORDS = ("which item", "what item", "items", "which product")
_HINT_WORDS = ("which of", "two orders", "which order", "which one")


def subject_facts(customer: Customer, kind: str, target: Target) -> list[Fact]:
    """The order, then the items; one fact for both where the items are all that tells the order."""
    elsewhere = [order for order in customer.orders if order is not target.order]
    here = names_in(target.order)
    there = dict.fromkeys(name for order in elsewhere for name in names_in(order))
    names = tuple(name for name in there if name not in here)
    if kind not in ITEM_KINDS:
        return [_order_fact(target, elsewhere_names=names, customer=customer)]
    items = _items_fact(target, elsewhere_names=names)
    if not target.knows_id:
        return [items]
    return [_order_fact(target, elsewhere_names=names, customer=customer), items]


def hint_fact(target: Target, kind: str) -> Fact:
    """Which of two orders is meant: needed for the write, once the agent has seen both."""
    return Fact(
        about=HINT,
        asked_by=_HINT_WORDS,
        says=target.hint,
        needed_for=(OPERATIONS[kind].last_argument,),
    )


def lead_sentences(kind: str, target: Target | None, told: Sequence[Fact]) -> list[str]:
    """Openings that name as much of the order and items as the told facts do."""
    if target is None:
        return list(LEADS[kind])
    phrases, extra = _subject_phrases(kind, target, told)
    sentences = [lead.format(phrase) for lead in LEADS[kind] for phrase in phrases]
    return [f"{sentence} {more}" for sentence in sentences for more in extra] or sentences


def _subject_phrases(
    kind: str, target: Target, told: Sequence[Fact]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What fills the brace of a lead, and what may follow it."""
    about = {fact.about for fact in told}
    is_open = bool(target.hint) and not any(fact.says == target.hint for fact in told)
    if kind not in ITEM_KINDS:
        if "which order it is" not in about:
            return ("an order", "one of my orders"), ()
        if is_open:
            return (f"one of my two orders with {with_article(target.names[0])}",), ()
        return whole_order_phrases(target.spoken_id, target.names[0]), ()
    if "which item it is about" in about:
        if is_open:
            return (with_article(target.names[0]),), ("Two of my orders have one.",)
        return items_phrases(target.spoken_id, target.names), ()
    if "which order it is" in about:
        return (f"something from order {target.spoken_id}",), ()
    return ("something that I ordered", "something that I bought from you"), ()


def _order_fact(target: Target, *, elsewhere_names: tuple[str, ...], customer: Customer) -> Fact:
    if target.knows_id:
        order_id = target.order["order_id"]
        says = (f"It is order {order_id}.", f"The order id is {order_id}.")
        right: tuple[str, ...] = (order_id.lower(),)
        wrong = tuple(o.lower() for o in customer.user["orders"] if o != order_id)
    else:
        name = target.names[0]
        says = (f"The one with the {name}.", f"It is the order with the {name} in it.")
        right, wrong = target.names, elsewhere_names
    return Fact(
        about="which order it is",
        asked_by=_ORDER_WORDS,
        says=says,
        recognised_by=right,
        conflicts_with=wrong,
        needed_for=("order_id",),
    )


def _items_fact(target: Target, *, elsewhere_names: tuple[str, ...]) -> Fact:
    named = the(target.names)
    says = (f"{named[0].upper()}{named[1:]}.", f"I mean {named}.")
    return Fact(
        about="which item it is about",
        asked_by=_ITEM_WORDS if target.knows_id else (*_ITEM_WORDS, *_ORDER_WORDS),
        says=says,
        recognised_by=target.names,
        conflicts_with=elsewhere_names,
        needed_for=(*(() if target.knows_id else ("order_id",)), "item_ids", "product_id"),
    )
