"""Everything customers say: sentences for requests and for the facts that belong to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness_retail.catalogue import OPTION_PHRASES
from harness_retail.records import Address, PaymentMethod
from harness_taskkit.people import address_line
from harness_taskkit.wording import listing, the

LEADS: Mapping[str, tuple[str, ...]] = {
    "cancel": (
        "I want to cancel {}.",
        "I would like to cancel {}.",
        "Please cancel {}.",
        "Can you cancel {} for me?",
    ),
    "return": (
        "I want to return {}.",
        "I would like to return {}.",
        "I need to send back {}.",
        "Can I return {}?",
    ),
    "exchange": (
        "I want to exchange {}.",
        "I would like to exchange {}.",
        "Can I exchange {}?",
        "Please exchange {} for me.",
    ),
    "modify_items": (
        "I want to change {}.",
        "I would like to modify {}.",
        "I want another version of {}.",
        "Please change {} for me.",
    ),
    "modify_address": (
        "I need to change the shipping address of {}.",
        "Please change the delivery address of {}.",
        "Can you send {} to another address?",
    ),
    "modify_payment": (
        "I want to change the payment method of {}.",
        "I would like to pay for {} in another way.",
        "Can you change how I pay for {}?",
    ),
    "user_address": (
        "I want to change the address in my profile.",
        "I have moved, so please update the address in my profile.",
        "Can you change my default address?",
    ),
    "ask_balance": (
        "How much money is left on my gift card?",
        "What is the balance of my gift card?",
        "I would like to know how much I have on my gift card.",
    ),
    "ask_tracking": (
        "What is the tracking number of {}?",
        "I need the tracking number of {}.",
        "Can you give me the tracking number of {}?",
    ),
    "ask_total": (
        "How much did I pay for {}?",
        "What was the total of {}?",
        "I would like to know what I paid for {}.",
    ),
}
"""How a request of each kind opens; the brace is filled with what it is about."""

_PRICE_DIFFERENCE = (
    "Please tell me how big the price difference is.",
    "I also want to know the exact price difference.",
)

AMOUNT_QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "cancel": (
        "Please tell me how much money I get back.",
        "I also want to know the amount of the refund.",
    ),
    "return": (
        "Please tell me how much money I get back in total.",
        "I also want to know the total of the refund.",
    ),
    "exchange": _PRICE_DIFFERENCE,
    "modify_items": _PRICE_DIFFERENCE,
    "modify_payment": (
        "Please tell me how much will be charged.",
        "I also want to know the amount that is charged.",
    ),
}
"""How a customer asks for the amount that follows from a request."""

REASONS: Mapping[str, tuple[str, ...]] = {
    "no longer needed": (
        "I no longer need it.",
        "It is no longer needed.",
        "I do not need it any more.",
    ),
    "ordered by mistake": (
        "I ordered it by mistake.",
        "It was ordered by mistake.",
        "Ordering it was a mistake.",
    ),
}

CHANGES_OF_MIND = ("Wait, I changed my mind.", "On second thought, no.", "Actually, no.")

PROFILE_ADDRESS = (
    "Please use the address in my profile.",
    "It should go to the address in my profile.",
)


def spoken(name: str) -> str:
    """A product's name in the middle of a sentence."""
    return name.lower()


def options_phrase(options: Mapping[str, str]) -> str:
    """ "in blue, made of nylon and in size small"."""
    return listing([OPTION_PHRASES[name].format(value) for name, value in options.items()])


def one_variant_sentences(phrase: str) -> tuple[str, ...]:
    return (f"I would like {phrase}.", f"I want {phrase}.", f"Please give me {phrase}.")


def variant_of_sentence(name: str, phrase: str) -> str:
    """A sentence on one of several items."""
    return f"For the {name}, I would like {phrase}."


def one_more_sentences(name: str) -> tuple[str, ...]:
    """That another item is to be returned as well."""
    return (
        f"Wait, please add the {name} to the return.",
        f"Actually, I want to return the {name} as well.",
    )


def payment_phrase(method: PaymentMethod, others: Sequence[PaymentMethod], pick: int) -> str:
    """What a customer calls a payment method to tell it from the others; ``pick`` varies it."""
    if method["source"] == "gift_card":
        return "my gift card"
    if method["source"] == "paypal":
        return "my PayPal account"
    named = f"my {method['brand']}"
    longer = f"{named} ending in {method['last_four']}"
    if any(other["source"] == "credit_card" for other in others):
        return (named, longer)[pick % 2]
    return ("my credit card", named, longer)[pick % 3]


def payment_sentences(kind: str, phrase: str) -> tuple[str, ...]:
    """How to say where the money of a request comes from or goes to."""
    if kind == "return":
        return (
            f"Please refund it to {phrase}.",
            f"The refund should go to {phrase}.",
            f"I want the money back on {phrase}.",
        )
    if kind == "modify_payment":
        return (
            f"Please charge {phrase}.",
            f"I want to pay with {phrase}.",
            f"Please switch it to {phrase}.",
        )
    return (
        f"Please use {phrase} for the price difference.",
        f"Any price difference should go to {phrase}.",
        f"I will settle the price difference with {phrase}.",
    )


def address_sentences(kind: str, address: Address) -> tuple[str, ...]:
    line = address_line(address)
    if kind == "user_address":
        return (f"My new address is {line}.", f"It should be {line}.")
    return (f"The new address is {line}.", f"It should go to {line}.")


def hint_sentences(other: str) -> tuple[str, ...]:
    """Which of two orders is meant, by another item in it."""
    return (
        f"I mean the order that also has the {other}.",
        f"It is the order with the {other} in it.",
    )


STATUS_HINTS: Mapping[str, tuple[str, ...]] = {
    "pending": ("I mean the order that is still pending.", "It is the pending order."),
    "delivered": (
        "I mean the order that was delivered.",
        "It is the order that has been delivered.",
    ),
}
"""Which of two orders is meant, by its status."""


def whole_order_phrases(order_id: str, name: str) -> tuple[str, ...]:
    """An order, by its id if there is one, else by a thing in it."""
    if order_id:
        return (f"order {order_id}", f"my order {order_id}")
    return (f"my order with the {name}", f"the order that has the {name} in it")


def items_phrases(order_id: str, names: Sequence[str]) -> tuple[str, ...]:
    """Items, and the order they are in where its id is known."""
    if order_id:
        return (f"{the(names)} from order {order_id}", f"{the(names)} in my order {order_id}")
    return (f"{the(names)} that I ordered", f"{the(names)} that I bought from you")
