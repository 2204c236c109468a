"""Make requests that end in a refusal or a transfer."""

from __future__ import annotations

from dataclasses import replace

from harness.types import Request
from harness_airline import rules
from harness_airline.choices import REASON
from harness_airline.operations import FLAWS, OPERATIONS
from harness_airline.requests import draft_request
from harness_airline.rules import REASONS
from harness_airline.targets import Customer, find_target, phrases, subject_facts
from harness_airline.wording import LEADS
from harness_taskkit.choices import fact_of
from harness_taskkit.drafts import Draft, transfer
from harness_taskkit.wording import sayings, vary

OUT_OF_SCOPE = sayings("""
The customer wants to take a dog into the cabin.: I want to take my dog into the cabin. / I need
    a permission to bring a dog on board.
The customer wants a wheelchair at the airport.: I need a wheelchair at the airport. / Please
    have a wheelchair ready for my mother at the airport.
The customer lost a bag.: My suitcase did not arrive, and I want you to find it. / I want to
    report a suitcase that got lost.
The customer wants to change the email of the account.: I want to change the email of my
    account. / Please put a new email into my profile.
The customer wants special meals.: I want a vegetarian meal on my next flight. / Please note
    that I need a meal without nuts.
The customer wants an invoice for a company.: I need an invoice made out to my company. / Please
    send me an invoice with the tax number of my company.
The customer wants a quote for a group of forty.: I want a quote for a group of forty people. /
    My company wants to send forty people. Please make us an offer.
""")
"""What no tool serves: the summary for the human agent, and how customers put it."""

_FLOWN = "The customer wants to cancel reservation {}, of which a flight was flown."


def draft_dead_end(customer: Customer, kind: str, wanted: frozenset[str]) -> Draft | None:
    """A request of one of the kinds ``features.DEAD_ENDS``; None if this customer has none."""
    if kind == "transfer":
        summary, says = customer.rng.choice(list(OUT_OF_SCOPE.items()))
        summary = summary.replace("The customer", f"The customer {customer.user_id}")
        return transfer(Request(kind="transfer", says=says), summary, "transfer")
    if kind == "transfer_flown":
        return _flown(customer, wanted)
    flaw = kind.removeprefix("refuse_")
    return draft_request(customer, FLAWS[flaw], wanted, flaw=flaw)


def _flown(customer: Customer, wanted: frozenset[str]) -> Draft | None:
    """The wish to cancel a trip that has begun."""
    target = find_target(
        customer,
        lambda one: rules.is_flown(one, customer.view.status) and one["status"] is None,
        two="two_reservations" in wanted,
    )
    if target is None:
        return None
    reason = fact_of(
        REASON, "reason/why", REASONS[customer.rng.choice(list(REASONS))], "reservation_id"
    )
    facts = tuple(
        replace(fact, volunteered=True)
        for fact in (*subject_facts(target, customer.reservations), reason)
    )
    leads = [lead.format(phrase) for lead in LEADS["cancel"] for phrase in phrases(target, facts)]
    parts = [leads, *([target.hint] if target.hint else []), reason.says]
    request = Request(
        kind="cancel",
        says=tuple(vary(parts, customer.rng)),
        facts=facts,
        verbs=OPERATIONS["cancel"].verbs,
    )
    customer.used.add(target.id)
    features = ("transfer_flown", *(("two_reservations",) if target.hint else ()))
    return transfer(request, _FLOWN.format(target.id), *features)
