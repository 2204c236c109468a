"""How customers name ways to pay, which of them their words mean, and who pays how much."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.types import Json
from harness_airline.records import BAG_USD, INSURANCE_USD, PaymentMethod
from harness_airline.rules import MOST_OF
from harness_airline.targets import Customer
from harness_airline.wording import (
    CHANGES_OF_MIND,
    method_phrase,
    payment_sentences,
    split_sentences,
)
from harness_taskkit.choices import Choice, FirstThought, changed, fact_of

_ASKED_BY = "payment/refund/pay/price difference/method"
ONLY_CERTIFICATE = "a change of a reservation cannot be paid with a certificate"
TOO_LITTLE = "the gift card does not cover the price difference"


def choose_payment(
    customer: Customer, due: int, wanted: frozenset[str], flaw: str
) -> Choice | None:
    """Who settles the difference of a change; with the flaw "payment" a way that cannot.

    With ``certificate_first`` the customer first thinks of a certificate, which cannot.
    """
    methods, rng = _nameable(customer), customer.rng
    certificates = [method for method in methods if method["source"] == "certificate"]
    others = [method for method in methods if method["source"] != "certificate"]
    if flaw == "payment":
        poor = [m for m in others if not covers(m, due)]
        pool = [*certificates, *poor] if due > 0 else certificates
        if not pool:
            return None
        method = rng.choice(pool)
        why = TOO_LITTLE if method in poor else ONLY_CERTIFICATE
        return _one_method(customer, method, methods, refusal=why)
    pool = [method for method in others if covers(method, due)]
    needs_two = "change_of_mind" in wanted
    if len(pool) < 1 + needs_two or ("certificate_first" in wanted and not certificates):
        return None
    method, *rest = rng.sample(pool, len(pool))
    if "certificate_first" in wanted:
        return _certificate_first(customer, rng.choice(certificates), method, methods)
    choice = _one_method(customer, method, methods)
    if not needs_two:
        return choice
    before = _one_method(customer, rest[0], methods)
    first = FirstThought(arguments=before.arguments, says=before.fact.says)
    return changed(choice, first, CHANGES_OF_MIND)


def choose_split(customer: Customer, total: int, wanted: frozenset[str]) -> Choice | None:
    """With what a booking is paid: one card, or others that are used up first.

    With ``certificate_limit`` the customer has two certificates and wants to use both.
    """
    rng, methods = customer.rng, _nameable(customer)
    by_source = {
        source: [m for m in rng.sample(methods, len(methods)) if m["source"] == source]
        for source in MOST_OF
    }
    cards, certificates = by_source["credit_card"], by_source["certificate"]
    worth = by_source["gift_card"]
    if not cards:
        return None
    if "certificate_limit" in wanted:
        if len({m["amount"] for m in certificates}) < 2:
            return None
        phrase = _phrase(customer, cards[0])
        says: tuple[str, ...] = (
            f"I want to use both of my certificates, and {phrase} for the rest. If only one is "
            "possible, take the one with more on it.",
            f"Please use up both certificates and charge the rest to {phrase}. If you can only "
            "take one, use the larger one.",
        )
        used = [max(certificates, key=lambda m: m["amount"]), cards[0]]
    elif "payment_split" in wanted:
        first = [*certificates[:1], *worth]
        rng.shuffle(first)
        first = first[: rng.choice((1, 1, 2))]
        # What is named is used up, and something is left for the next.
        if not first or sum(m["amount"] for m in first) >= total:
            return None
        used = [*first, cards[0]]
        says = split_sentences([_phrase(customer, m) for m in used])
    else:
        used = [cards[0]]
        says = split_sentences([_phrase(customer, cards[0])])
    payments = divided(used, total)
    if payments is None:
        return None
    return Choice(
        arguments={"payment_methods": [*payments]},
        fact=fact_of(
            "how you would like to pay",
            _ASKED_BY,
            says,
            "payment_methods",
            right=(_words(used[-1])[0],),
            wrong=tuple(_words(m)[0] for m in methods if m not in used),
        ),
        features=wanted & {"certificate_limit", "payment_split"}
        | ({"payment_choice"} if len(methods) > 1 else set()),
    )


def divided(used: Sequence[PaymentMethod], total: int) -> list[Json] | None:
    """The payments that use up each method in turn; None if they do not reach the total."""
    payments: list[Json] = []
    for method in used:
        amount = min(total, int(method["amount"])) if "amount" in method else total
        total -= amount
        if amount:
            payments.append({"payment_id": method["id"], "amount": amount})
    return payments if total == 0 else None


def sum_of(prices: Sequence[int], people: int, booking: Mapping[str, Json]) -> str:
    """What the last of a booking's methods has to pay, as ``calculate`` takes it.

    prices: of each flight for one passenger, in US dollars.
    """
    fare = " + ".join(map(str, prices))
    parts = [f"{people} * ({fare})" if len(prices) > 1 else f"{people} * {fare}"]
    if booking["nonfree_baggages"]:
        parts.append(f"{BAG_USD} * {booking['nonfree_baggages']}")
    if booking["insurance"] == "yes":
        parts.append(f"{INSURANCE_USD} * {people}")
    payments = booking["payment_methods"]
    before = payments[:-1] if isinstance(payments, list) else []
    used = [f" - {payment['amount']}" for payment in before if isinstance(payment, dict)]
    return " + ".join(parts) + "".join(used)


def covers(method: PaymentMethod, due: int) -> bool:
    """Whether it can pay what is due (US dollars): only a gift card runs out."""
    return "amount" not in method or method["amount"] >= due


def named_methods(methods: Sequence[PaymentMethod], text: str) -> list[PaymentMethod]:
    """The methods that a text names, in the order in which it does."""
    places: dict[int, PaymentMethod] = {}
    for method in methods:
        for place in _places(method, methods, text):
            places.setdefault(place, method)
    return list({m["id"]: m for _, m in sorted(places.items())}.values())


def _nameable(customer: Customer) -> list[PaymentMethod]:
    """The methods that a customer can tell from the others: no two with as much on them."""
    methods = list(customer.user["payment_methods"].values())
    amounts = [(one["source"], one.get("amount", one["id"])) for one in methods]
    return [one for one, amount in zip(methods, amounts, strict=True) if amounts.count(amount) == 1]


def _places(method: PaymentMethod, methods: Sequence[PaymentMethod], text: str) -> list[int]:
    if method["source"] == "credit_card":
        digits = re.findall(r"ending in (\d{4})", text)
        words = [method["brand"]] if not digits or method["last_four"] in digits else []
        words += ["credit card"]
    else:
        noun = method["source"].replace("_", " ")
        alone = sum(other["source"] == method["source"] for other in methods) == 1
        amount = f"{method['amount']:.0f} dollars"
        words = [noun if alone else rf"{noun} with {amount}"]
    return [
        found.start()
        for word in words
        for found in re.finditer(rf"\b{word}\b", text, re.IGNORECASE)
    ]


def _certificate_first(
    customer: Customer,
    certificate: PaymentMethod,
    method: PaymentMethod,
    methods: Sequence[PaymentMethod],
) -> Choice:
    choice = _one_method(customer, method, methods)
    first, second = (_phrase(customer, m) for m in (certificate, method))
    says = (
        f"Please use {first}, or {second} if that is not possible.",
        f"I want to pay with {first}. If you cannot take that, use {second}.",
    )
    fact, features = replace(choice.fact, says=says), choice.features | {"certificate_first"}
    return replace(choice, fact=fact, features=features)


def _one_method(
    customer: Customer,
    method: PaymentMethod,
    methods: Sequence[PaymentMethod],
    *,
    refusal: str = "",
) -> Choice:
    others = [other for other in methods if other["id"] != method["id"]]
    return Choice(
        arguments={"payment_id": method["id"]},
        fact=fact_of(
            "which payment method to use",
            _ASKED_BY,
            payment_sentences(_phrase(customer, method)),
            "payment_id",
            right=_words(method),
            wrong=tuple(_words(other)[0] for other in others),
        ),
        features=frozenset({"payment_choice"} if others else ()),
        refusal=refusal,
    )


def _words(method: PaymentMethod) -> tuple[str, ...]:
    """By what a customer knows its own method in a proposal."""
    number = method["id"].replace("_", " ")
    if method["source"] == "credit_card":
        return (number, method["brand"], method["last_four"])
    return (number,)


def _phrase(customer: Customer, method: PaymentMethod) -> str:
    methods = list(customer.user["payment_methods"].values())
    return method_phrase(method, methods, customer.rng.randrange(6))
