"""What customers of harder tasks say: openings that ramble, and side hints instead of an id."""

from __future__ import annotations

import random
from collections.abc import Sequence

from harness.types import Fact, Request
from harness_airline.changes import ROUTE
from harness_airline.targets import HINT, WHICH, Target, phrases
from harness_airline.wording import AMOUNT_QUESTIONS, COMPLAINTS, LEADS, PRESSURE
from harness_taskkit.twisting import rambling
from harness_taskkit.wording import sayings, vary

_RECENT = sayings("""
cancel: Can you cancel my trip {}? / Please cancel that trip {} of mine. / I want my flight {}
    cancelled.
change_flights: Can you move my trip {}? / I cannot fly {} on the day that I booked, so please
    move it. / I need other flights for my trip {}.
change_cabin: Can you put me into another cabin on my trip {}? / I want to change the class of
    my trip {}.
add_bags: Can you do something about the bags of my trip {}? / It is about the luggage on my
    trip {}.
change_passengers: Can you change who comes along {}? / The passengers of my trip {} are not
    right.
compensate: What do I get for the trouble with my trip {}? / I want to be compensated for my
    trip {}.
""")
"""Openings that sound as if there were one such trip only; the brace is its route."""


def openings(
    request: Request, target: Target | None, facts: Sequence[Fact], rng: random.Random
) -> list[str]:
    """Up to three openings that tell the volunteered facts, and all else that was said before."""
    told = [fact for fact in facts if fact.volunteered]
    parts: list[Sequence[str]] = [_leads(request, target, told)]
    led = WHICH if target is not None else ROUTE
    parts += [fact.says for fact in told if fact.about != led]
    asides = (
        AMOUNT_QUESTIONS.get(request.kind, ()),
        PRESSURE,
        *COMPLAINTS.values(),
    )
    parts += [said for said in asides if any(text in request.says[0] for text in said)]
    return rambling(vary(parts, rng, count=6), rng)


def _leads(request: Request, target: Target | None, told: Sequence[Fact]) -> Sequence[str]:
    """Openings by the route where that was told and says enough."""
    if target is None:
        return [text for fact in told if fact.about == ROUTE for text in fact.says]
    about = {fact.about for fact in told}
    is_open = bool(target.hint) and HINT not in about
    if WHICH not in about or target.knows_id or is_open or request.kind not in _RECENT:
        named = phrases(target, told)
        return [lead.format(phrase) for lead in _plain_leads(request) for phrase in named]
    return [lead.format(target.route) for lead in _RECENT[request.kind]]


def _plain_leads(request: Request) -> Sequence[str]:
    """The leads of the request's kind; of a question those that ask the same."""
    if request.kind in LEADS:
        return LEADS[request.kind]
    asked = (leads for kind, leads in LEADS.items() if kind.startswith("ask_"))
    return next(
        leads for leads in asked if any(lead.split("{}")[0] in request.says[0] for lead in leads)
    )
