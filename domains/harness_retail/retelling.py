"""What customers of harder tasks say: openings that ramble, and side hints instead of an order."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from harness.types import Fact, Request
from harness_retail.subjects import lead_sentences
from harness_retail.targets import Target
from harness_retail.wording import AMOUNT_QUESTIONS
from harness_taskkit.twisting import rambling
from harness_taskkit.wording import vary, with_article

_RECENT: Mapping[str, tuple[str, ...]] = {
    "cancel": (
        "Can you cancel my recent order with {}?",
        "Please cancel that order with {} for me.",
        "I want my recent order with {} cancelled.",
    ),
    "return": (
        "Can you take back {} from my recent order?",
        "I want to return {} from my recent order.",
        "I would like to send back {} that I bought the other day.",
    ),
    "exchange": (
        "Can you exchange {} from my recent order?",
        "I want to exchange {} that I bought the other day.",
        "I would like another version of {} from my recent order.",
    ),
    "modify_items": (
        "Can you change {} in my recent order?",
        "I want to modify {} that I ordered the other day.",
        "I would like another version of {} in my recent order.",
    ),
    "modify_address": (
        "Can you send my recent order with {} to another address?",
        "Please change the address of that order with {}.",
        "I need my recent order with {} to go to another address.",
    ),
    "modify_payment": (
        "Can you change how I pay for my recent order with {}?",
        "I want to pay for that order with {} in another way.",
        "Please change the payment method of my recent order with {}.",
    ),
}
"""Openings that sound as if there were one recent order only; the brace is what is in it."""


def sides(other: str) -> tuple[str, ...]:
    """Which of two orders is meant, said by the way, by another thing in it."""
    return (
        f"I think it was the one with the {other} too.",
        f"It must be the one that the {other} came with.",
        f"I mean the one I bought together with the {other}.",
    )


def openings(
    request: Request,
    target: Target,
    facts: Sequence[Fact],
    told: Sequence[Fact],
    rng: random.Random,
) -> list[str]:
    """Up to three openings that tell the facts among ``told``, an amount asked for if it was."""
    parts: list[Sequence[str]] = [_leads(request.kind, target, told)]
    subject = {"which order it is", "which item it is about"}
    parts += [fact.says for fact in facts if fact in told and fact.about not in subject]
    asked = AMOUNT_QUESTIONS.get(request.kind, ())
    if any(question in request.says[0] for question in asked):
        parts.append(asked)
    return rambling(vary(parts, rng, count=6), rng)


def _leads(kind: str, target: Target, told: Sequence[Fact]) -> Sequence[str]:
    """Openings by what is in the order, where that was told; with its colour, if it has one."""
    about = {fact.about for fact in told}
    named = about & {"which order it is", "which item it is about"}
    hidden = bool(target.hint) and not any(fact.says == target.hint for fact in told)
    if not named or hidden or len(target.items) > 1:
        return lead_sentences(kind, target, told)
    name, colour = target.names[0], target.items[0]["options"].get("color", "")
    thing = f"{colour} {name}".strip()
    whole = kind in ("cancel", "modify_address", "modify_payment")
    phrase = with_article(thing) if whole else f"the {thing}"
    return [lead.format(phrase) for lead in _RECENT[kind]]
