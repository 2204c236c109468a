"""What a customer decides in a request (reason, payment, address): as arguments and as a fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from harness.types import Fact, Json
from harness_retail.records import Address, PaymentMethod
from harness_retail.targets import Customer, Target
from harness_retail.wording import (
    CHANGES_OF_MIND,
    PROFILE_ADDRESS,
    REASONS,
    address_sentences,
    payment_phrase,
    payment_sentences,
)
from harness_taskkit.choices import Choice, FirstThought, changed
from harness_taskkit.numbers import Numbers
from harness_taskkit.people import conflicting, make_address, words_for

Flaw = Literal["", "status", "payment", "variant"]
"""What makes a request one that must be refused."""

_PROFILE = "profile"
_PAYMENT_WORDS = ("payment", "refund", "pay for", "price difference")
_ADDRESS_WORDS = (
    "new address",
    "which address",
    "what address",
    "shipping address",
    "delivery address",
)


def choose_reason(customer: Customer) -> Choice:
    """One of the two reasons to cancel."""
    reason, says = customer.rng.choice(list(REASONS.items()))
    others = tuple(other for other in REASONS if other != reason)
    return Choice(
        arguments={"reason": reason},
        fact=Fact(
            about="the reason for the cancellation",
            asked_by=("reason", "why"),
            says=says,
            recognised_by=(reason,),
            conflicts_with=others,
            needed_for=("reason",),
        ),
    )


def choose_refund(customer: Customer, target: Target, flaw: Flaw) -> Choice | None:
    """Where the refund of a return goes; with the flaw "payment", a place where it must not go."""
    original = target.order["payment_history"][0]["payment_method_id"]
    methods = list(customer.user["payment_methods"].values())
    allowed = [m for m in methods if m["id"] == original or m["source"] == "gift_card"]
    forbidden = [m for m in methods if m not in allowed]
    options = forbidden if flaw == "payment" else allowed
    if not options:
        return None
    method = customer.rng.choice(options)
    is_original = method["id"] == original and customer.rng.random() < 0.35
    choice = _payment(
        customer, "return", method, phrase="the original payment method" if is_original else ""
    )
    why = "a refund can only go to the original payment method or a gift card"
    return replace(choice, refusal=why if flaw == "payment" else "")


def choose_settlement(
    customer: Customer, kind: str, difference: float, flaw: Flaw
) -> Choice | None:
    """Who pays the price difference; with the flaw "payment", a gift card that cannot."""
    methods = list(customer.user["payment_methods"].values())
    enough, too_little = _by_balance(methods, difference)
    options = too_little if flaw == "payment" else enough
    if not options:
        return None
    why = "the gift card does not cover the price difference" if flaw == "payment" else ""
    return replace(_payment(customer, kind, customer.rng.choice(options)), refusal=why)


def choose_new_payment(
    customer: Customer, target: Target, flaw: Flaw, *, change_of_mind: bool
) -> Choice | None:
    """Another method to pay an order with; with the flaw "payment", a gift card that cannot."""
    payment = target.order["payment_history"][0]
    methods = customer.user["payment_methods"].values()
    others = [method for method in methods if method["id"] != payment["payment_method_id"]]
    enough, too_little = _by_balance(others, payment["amount"])
    options = too_little if flaw == "payment" else enough
    if len(options) < 1 + change_of_mind:
        return None
    method, *rest = customer.rng.sample(options, len(options))
    choice = _payment(customer, "modify_payment", method)
    if flaw == "payment":
        return replace(choice, refusal="the gift card does not cover the total of the order")
    if change_of_mind:
        before = _payment(customer, "modify_payment", rest[0])
        first = FirstThought(arguments=before.arguments, says=before.fact.says)
        return changed(choice, first, CHANGES_OF_MIND)
    return choice


def choose_address(customer: Customer, kind: str, target: Target | None, revise: bool) -> Choice:
    """A new address for an order or the profile; for an order it may be the one in the profile."""
    rng, home = customer.rng, customer.user["address"]
    if target is not None and not revise and _may_use_profile(customer, target):
        customer.used.add(_PROFILE)
        return _address(home, PROFILE_ADDRESS)
    address = make_address(Numbers(customer.database.split, rng), rng)
    choice = _address(address, address_sentences(kind, address))
    if not revise:
        return choice
    number, street = address["address1"].split(" ", 1)
    wrong = address.copy()
    wrong["address1"] = f"{int(number) + rng.randint(1, 9)} {street}"
    first = FirstThought(arguments=_arguments(wrong), says=address_sentences(kind, wrong))
    return changed(choice, first, CHANGES_OF_MIND)


def takes_profile(customer: Customer) -> bool:
    """Whether no earlier request spoke of the profile's address; from now on one does."""
    free = _PROFILE not in customer.used
    customer.used.add(_PROFILE)
    return free


def _may_use_profile(customer: Customer, target: Target) -> bool:
    elsewhere = target.order["address"] != customer.user["address"]
    return elsewhere and _PROFILE not in customer.used and customer.rng.random() < 0.7


def _by_balance(
    methods: Sequence[PaymentMethod], amount: float
) -> tuple[list[PaymentMethod], list[PaymentMethod]]:
    """The methods that can pay an amount, and those that cannot."""
    too_little = [m for m in methods if m["source"] == "gift_card" and m["balance"] < amount]
    return [m for m in methods if m not in too_little], too_little


def _payment(customer: Customer, kind: str, method: PaymentMethod, phrase: str = "") -> Choice:
    others = [m for m in customer.user["payment_methods"].values() if m["id"] != method["id"]]
    phrase = phrase or payment_phrase(method, others, customer.rng.randrange(6))
    return Choice(
        arguments={"payment_method_id": method["id"]},
        fact=Fact(
            about="where the refund should go"
            if kind == "return"
            else "which payment method to use",
            asked_by=_PAYMENT_WORDS,
            says=payment_sentences(kind, phrase),
            recognised_by=words_for(method, others),
            conflicts_with=conflicting(method, others),
            needed_for=("payment_method_id",),
        ),
        features=frozenset({"payment_choice"} if others else ()),
    )


def _address(address: Address, says: tuple[str, ...]) -> Choice:
    return Choice(
        arguments=_arguments(address),
        fact=Fact(
            about="the new address",
            asked_by=_ADDRESS_WORDS,
            says=says,
            recognised_by=(address["address1"].lower(),),
            conflicts_with=("address",),
            needed_for=tuple(address),
        ),
    )


def _arguments(address: Address) -> dict[str, Json]:
    return {field: str(value) for field, value in address.items()}
