"""Make requests that change nothing: the customer wants to know what the records hold."""

from __future__ import annotations

from dataclasses import replace

from harness_airline.features import QUESTION
from harness_airline.operations import OPERATIONS
from harness_airline.targets import Customer, find_target, phrases, subject_facts
from harness_airline.wording import LEADS
from harness_taskkit.drafts import Draft, question
from harness_taskkit.wording import amount_text

_VERBS = OPERATIONS[QUESTION].verbs
_WORTH = {"ask_balance": "gift_card", "ask_certificates": "certificate"}


def draft_question(customer: Customer, wanted: frozenset[str]) -> Draft | None:
    """A question with all wanted features; None if this customer has none to ask."""
    leads = customer.rng.sample(list(_MAKERS), len(_MAKERS))
    for lead in leads:
        draft = _MAKERS[lead](customer, lead, "withheld" in wanted)
        if draft is not None and wanted <= draft.features:
            return draft
    return None


def _worth(customer: Customer, lead: str, withhold: bool) -> Draft | None:
    """What is on gift cards or certificates: asked only before anything can have changed it."""
    methods = customer.user["payment_methods"].values()
    amounts = [m["amount"] for m in methods if m["source"] == _WORTH[lead]]
    answer = amount_text(sum(amounts))
    several = {"several_methods"} if len(amounts) > 1 else set()
    if not amounts or customer.used or withhold or several & customer.avoided:
        return None
    draft = question(LEADS[lead], (), answer, customer.rng, verbs=_VERBS)
    return draft and replace(draft, features=draft.features | several)


def _about_trip(customer: Customer, lead: str, withhold: bool) -> Draft | None:
    target = find_target(customer, lambda one: one["status"] is None)
    if target is None:
        return None
    reservation = target.reservation
    answer = customer.statuses(reservation)[0]
    if lead == "ask_total":
        paid = sum(payment["amount"] for payment in reservation["payment_history"])
        answer = amount_text(paid)
    if not answer:
        return None
    facts = subject_facts(target, customer.reservations)
    told = [] if withhold else facts
    leads = [text.format(phrase) for text in LEADS[lead] for phrase in phrases(target, told)]
    customer.used.add(target.id)
    volunteered = tuple(replace(fact, volunteered=not withhold) for fact in facts)
    return question(leads, volunteered, answer, customer.rng, verbs=_VERBS)


_MAKERS = {
    "ask_balance": _worth,
    "ask_certificates": _worth,
    "ask_status": _about_trip,
    "ask_total": _about_trip,
}
