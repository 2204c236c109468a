"""Make requests that change nothing: the customer wants to know what the records hold."""

from __future__ import annotations

from dataclasses import replace

from harness_retail.features import QUESTION
from harness_retail.operations import OPERATIONS
from harness_retail.subjects import lead_sentences, subject_facts
from harness_retail.targets import Customer, Target, find_target
from harness_retail.wording import LEADS
from harness_taskkit.drafts import Draft, question
from harness_taskkit.wording import amount_text

_VERBS = OPERATIONS[QUESTION].verbs
_SENT = ("delivered", "processed")


def draft_question(customer: Customer, wanted: frozenset[str]) -> Draft | None:
    """A question with all wanted features; None if this customer has none to ask."""
    makers = (_balance, _tracking, _total)
    for make in customer.rng.sample(makers, len(makers)):
        draft = make(customer, "withheld" in wanted)
        if draft is not None and wanted <= draft.features:
            return draft
    return None


def _balance(customer: Customer, withhold: bool) -> Draft | None:
    """What is on the gift card: asked only before anything can have changed it."""
    methods = customer.user["payment_methods"].values()
    balances = [m["balance"] for m in methods if m["source"] == "gift_card"]
    if not balances or customer.used or withhold:
        return None
    answer = amount_text(balances[0])
    return question(LEADS["ask_balance"], (), answer, customer.rng, verbs=_VERBS)


def _tracking(customer: Customer, withhold: bool) -> Draft | None:
    target = find_target(customer, _SENT)
    if target is None:
        return None
    number = target.order["fulfillments"][0]["tracking_id"][0]
    return _about_order(customer, "ask_tracking", target, number, withhold)


def _total(customer: Customer, withhold: bool) -> Draft | None:
    target = find_target(customer, ("pending", *_SENT))
    if target is None:
        return None
    total = amount_text(target.order["payment_history"][0]["amount"])
    return _about_order(customer, "ask_total", target, total, withhold)


def _about_order(
    customer: Customer, lead: str, target: Target, answer: str, withhold: bool
) -> Draft | None:
    (fact,) = subject_facts(customer, QUESTION, target)
    leads = lead_sentences(lead, target, [] if withhold else [fact])
    told = (replace(fact, volunteered=not withhold),)
    draft = question(leads, told, answer, customer.rng, verbs=_VERBS)
    if draft is not None:
        customer.used.add(target.order["order_id"])
    return draft
