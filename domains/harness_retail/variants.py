"""Pick the variants that a customer wants instead of its items, and how it describes them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import cast

from harness.types import Fact
from harness_retail.choices import Flaw
from harness_retail.records import OrderItem, Product, Variant
from harness_retail.targets import Customer, Target
from harness_retail.wording import (
    CHANGES_OF_MIND,
    one_variant_sentences,
    options_phrase,
    spoken,
    variant_of_sentence,
)
from harness_taskkit.choices import Choice, FirstThought, changed
from harness_taskkit.wording import with_article

Pick = tuple[str, Variant]
"""A description, and the variant it means."""


def choose_variants(
    customer: Customer, target: Target, kind: str, wanted: frozenset[str], flaw: Flaw
) -> Choice | None:
    """New variants for all items of the target; with the flaw "variant", one that cannot be had.

    Each description fits one available variant only. None if the shop has none.
    """
    rng, products = customer.rng, customer.database.products
    if flaw == "variant":
        return _impossible_choice(customer, target, kind)
    modes = [_first_mode(wanted), *(rng.choice(("full", "same_but")) for _ in target.items[1:])]
    picks: list[Pick] = []
    for item, mode in zip(target.items, modes, strict=True):
        pick = _PICKERS[mode](products[item["product_id"]], item, rng)
        if pick is None:
            return None
        picks.append(pick)
    choice = Choice(
        arguments={"new_item_ids": [variant["item_id"] for _, variant in picks]},
        fact=_fact(_sentences(target, [phrase for phrase, _ in picks])),
        features=frozenset(modes) - {"full"},
    )
    if "change_of_mind" not in wanted:
        return choice
    return _revised(choice, target, picks, products[target.items[0]["product_id"]], rng)


def price_difference(customer: Customer, target: Target, choice: Choice) -> float:
    """What the new variants cost more than the old, in US dollars; negative if less."""
    total = 0.0
    new_ids = cast("list[str]", choice.arguments["new_item_ids"])
    for item, new_id in zip(target.items, new_ids, strict=True):
        for product in customer.database.products.values():
            if new_id in product["variants"]:
                total += product["variants"][new_id]["price"] - item["price"]
    return total


def _first_mode(wanted: frozenset[str]) -> str:
    return next((name for name in ("same_but", "cheapest", "fallback") if name in wanted), "full")


def _revised(
    choice: Choice, target: Target, picks: list[Pick], product: Product, rng: random.Random
) -> Choice | None:
    """The choice after another first thought about the first item."""
    picker = rng.choice((_full, _same_but))
    first = picker(product, target.items[0], rng)
    if first is None or first[1]["item_id"] == picks[0][1]["item_id"]:
        return None
    at_first = [first, *picks[1:]]
    thought = FirstThought(
        arguments={"new_item_ids": [variant["item_id"] for _, variant in at_first]},
        says=_sentences(target, [phrase for phrase, _ in at_first]),
    )
    return changed(choice, thought, CHANGES_OF_MIND)


def _impossible_choice(customer: Customer, target: Target, kind: str) -> Choice | None:
    item, rng = target.items[0], customer.rng
    product = customer.database.products[item["product_id"]]
    if rng.random() < 0.4:
        others = [p for p in customer.database.products.values() if p is not product]
        other = rng.choice(others)
        variant = rng.choice([v for v in other["variants"].values() if v["available"]])
        phrase = with_article(spoken(other["name"])) + " instead"
        verb = "exchanged for" if kind == "exchange" else "changed to"
        refusal = f"an item can only be {verb} another variant of the same product"
    else:
        gone = [v for v in _others(product, item) if not v["available"]]
        if not gone:
            return None
        variant = rng.choice(gone)
        phrase = rng.choice((_describe_fully, _describe_relatively))(variant, item)
        refusal = "that variant is not available"
    return Choice(
        arguments={"new_item_ids": [variant["item_id"]]},
        fact=_fact(_sentences(target, [phrase])),
        refusal=refusal,
    )


def _sentences(target: Target, phrases: list[str]) -> tuple[str, ...]:
    if len(phrases) == 1:
        return one_variant_sentences(phrases[0])
    pairs = zip(target.names, phrases, strict=True)
    return (" ".join(variant_of_sentence(name, phrase) for name, phrase in pairs),)


def _fact(says: tuple[str, ...]) -> Fact:
    return Fact(
        about="which variant you would like",
        asked_by=("variant", "option", "version", "replacement", "new item"),
        says=says,
        needed_for=("new_item_ids",),
    )


def _full(product: Product, item: OrderItem, rng: random.Random) -> Pick | None:
    wanted = [variant for variant in _others(product, item) if variant["available"]]
    if not wanted:
        return None
    variant = rng.choice(wanted)
    return _describe_fully(variant, item), variant


def _same_but(product: Product, item: OrderItem, rng: random.Random) -> Pick | None:
    wanted = [variant for variant in _others(product, item) if variant["available"]]
    near = [v for v in wanted if len(_new_options(v, item)) == 1]
    pool = near or [v for v in wanted if len(_new_options(v, item)) == 2]
    if not pool:
        return None
    variant = rng.choice(pool)
    return _describe_relatively(variant, item), variant


def _cheapest(product: Product, item: OrderItem, rng: random.Random) -> Pick | None:
    prices = {v["price"]: v for v in product["variants"].values() if v["available"]}
    variant = prices[min(prices)]
    if variant["item_id"] == item["item_id"]:
        return None
    return "the cheapest one that is available", variant


def _fallback(product: Product, item: OrderItem, rng: random.Random) -> Pick | None:
    near = [v for v in _others(product, item) if len(_new_options(v, item)) == 1]
    pairs = [
        (gone, there)
        for gone in near
        for there in near
        if not gone["available"]
        and there["available"]
        and _new_options(gone, item).keys() == _new_options(there, item).keys()
    ]
    if not pairs:
        return None
    gone, there = rng.choice(pairs)
    first, second = (options_phrase(_new_options(variant, item)) for variant in (gone, there))
    return f"the same one, but {first}, or {second} if that is not available", there


_PICKERS: Mapping[str, Callable[[Product, OrderItem, random.Random], Pick | None]] = {
    "full": _full,
    "same_but": _same_but,
    "cheapest": _cheapest,
    "fallback": _fallback,
}


def _describe_fully(variant: Variant, item: OrderItem) -> str:
    return f"the one {options_phrase(variant['options'])}"


def _describe_relatively(variant: Variant, item: OrderItem) -> str:
    return f"the same one, but {options_phrase(_new_options(variant, item))}"


def _new_options(variant: Variant, item: OrderItem) -> dict[str, str]:
    return {k: v for k, v in variant["options"].items() if item["options"][k] != v}


def _others(product: Product, item: OrderItem) -> list[Variant]:
    return [v for key, v in product["variants"].items() if key != item["item_id"]]
