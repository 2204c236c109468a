"""Make requests about lines and bills: what the customer says, and the calls that fulfil it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.types import Fact, Json, Request, ToolCall
from harness_taskkit.choices import fact_of
from harness_taskkit.drafts import Draft
from harness_taskkit.wording import amount_text, vary
from harness_telecom.database import details
from harness_telecom.features import AGAIN, POINTED, QUESTION, UNPAID
from harness_telecom.targets import (
    AMOUNTS,
    TOO_MUCH,
    WHY,
    Customer,
    TelecomDraft,
    amount_fact,
)
from harness_telecom.wording import (
    AMOUNT,
    LEADS,
    OUT_OF_SCOPE,
    PRESSURE,
    SUSPENSIONS,
    VERBS,
)

TOO_MUCH_REFUSAL = "at most 2 GB can be added"
PAID_REFUSAL = "only overdue bills can be paid, and that bill is paid"


def draft_line_request(
    customer: Customer, kind: str, wanted: frozenset[str]
) -> TelecomDraft | None:
    """Data, roaming, a suspension or a resumption; None if the customer has no line for it."""
    lines = customer.free_lines()
    if AGAIN in wanted:
        lines = [customer.resumed] if customer.resumed else []
    if kind == "resume":
        lines = [line for line in lines if line != customer.own_line]
    several = len(customer.record["line_ids"]) > 1
    if not lines or (POINTED in wanted and not several) or (UNPAID in wanted and customer.overdue):
        return None
    line_id = lines[0]
    facts = customer.which(line_id, by_device=POINTED in wanted, again=AGAIN in wanted)
    made = _MAKERS[kind](customer, line_id, wanted)
    facts += made.facts
    hidden: set[str] = set()
    if "withheld" in wanted:
        free = [fact for fact in facts if fact.about != WHY]
        if not free:
            return None
        hidden = {customer.rng.choice(free).about}
    told = [replace(fact, volunteered=fact.about not in hidden) for fact in facts]
    customer.used.add(line_id)
    request = Request(
        kind=kind,
        says=_openings(customer, made.lead, told),
        facts=tuple(told),
        want=made.calls[-1],
        verbs=VERBS[kind],
    )
    features = {kind, *(wanted & {AGAIN, UNPAID, "withheld"})}
    if POINTED in wanted:
        features.add(POINTED)
    return TelecomDraft(
        request=request,
        features=frozenset(features),
        setup=tuple(made.setup),
        calls=tuple(made.calls),
    )


class _Made:
    """What a kind of request brings: what it opens with, facts, what was before, and calls."""

    def __init__(
        self,
        lead: str,
        calls: Sequence[ToolCall],
        facts: Sequence[Fact] = (),
        setup: Sequence[ToolCall] = (),
    ) -> None:
        self.lead = lead
        self.calls = calls
        self.facts = facts
        self.setup = setup


def _refuel(customer: Customer, line_id: str, wanted: frozenset[str]) -> _Made:
    amount = customer.rng.choice(AMOUNTS)
    arguments = {**customer.arguments(line_id), "gb_amount": amount}
    call = ToolCall(name="refuel_data", arguments=arguments)
    return _Made("refuel", [call], [amount_fact(amount)])


def _roaming(customer: Customer, line_id: str, wanted: frozenset[str]) -> _Made:
    on = not details(customer.network, line_id)[0]["roaming_enabled"]
    name = "enable_roaming" if on else "disable_roaming"
    call = ToolCall(name=name, arguments=customer.arguments(line_id))
    return _Made("roaming_on" if on else "roaming_off", [call])


def _suspend(customer: Customer, line_id: str, wanted: frozenset[str]) -> _Made:
    reason = customer.rng.choice(list(SUSPENSIONS))
    arguments: dict[str, Json] = {**customer.arguments(line_id), "reason": reason}
    fact = fact_of(WHY, "why/reason", SUSPENSIONS[reason], "reason")
    return _Made("suspend", [ToolCall(name="suspend_line", arguments=arguments)], [fact])


def _resume(customer: Customer, line_id: str, wanted: frozenset[str]) -> _Made:
    customer.resumed = line_id
    if UNPAID in wanted:
        bill_id, suspending = customer.overdue_bill(line_id)
        customer.overdue = True
        calls = [*customer.paying(bill_id), customer.resuming(line_id)]
        return _Made("resume", calls, setup=[suspending])
    arguments: dict[str, Json] = {**customer.arguments(line_id), "reason": "travel"}
    customer.overdue = True  # A bill that is overdue would have to be paid first.
    suspending = ToolCall(name="suspend_line", arguments=arguments)
    return _Made("resume", [customer.resuming(line_id)], setup=[suspending])


_MAKERS = {"refuel": _refuel, "roaming": _roaming, "suspend": _suspend, "resume": _resume}


def draft_payment(customer: Customer, wanted: frozenset[str]) -> TelecomDraft | None:
    """The wish to pay an overdue bill."""
    lines = customer.free_lines()
    if customer.overdue or not lines:
        return None
    bill_id, suspending = customer.overdue_bill(lines[0])
    customer.overdue = True
    customer.used.add(lines[0])
    calls = customer.paying(bill_id)
    price = amount_text(details(customer.network, lines[0])[1]["price_per_month"])
    asks = "amount" in wanted
    parts = [LEADS["pay_bill"], *([AMOUNT] if asks else [])]
    request = Request(
        kind="pay_bill",
        says=tuple(vary(parts, customer.rng)),
        want=calls[0],
        verbs=VERBS["pay_bill"],
    )
    return TelecomDraft(
        request=request,
        tell=(price,) if asks else (),
        features=frozenset({"pay_bill", *(["amount"] if asks else [])}),
        setup=(suspending, customer.resuming(lines[0])),
        calls=tuple(calls),
    )


def draft_refusal(customer: Customer, kind: str, wanted: frozenset[str]) -> Draft | None:
    """Too much data, or a payment of a bill that is paid."""
    rng = customer.rng
    facts: list[Fact] = []
    refusal, lead, verbs = PAID_REFUSAL, kind, VERBS["pay_bill"]
    if kind == "refuse_refuel":
        lines = customer.free_lines()
        if not lines:
            return None
        customer.used.add(lines[0])
        facts = [*customer.which(lines[0], by_device=False), amount_fact(rng.choice(TOO_MUCH))]
        refusal, lead, verbs = TOO_MUCH_REFUSAL, "refuel", VERBS["refuel"]
    told = [replace(fact, volunteered=True) for fact in facts]
    pressing = "pressure" in wanted
    request = Request(
        kind="refuel" if kind == "refuse_refuel" else "pay_bill",
        says=_openings(customer, lead, told, *([PRESSURE] if pressing else [])),
        facts=tuple(told),
        verbs=verbs,
        outcome="refused",
        refusal=refusal,
    )
    return TelecomDraft(
        request=request, features=frozenset({kind, *(["pressure"] if pressing else [])})
    )


def draft_transfer(customer: Customer) -> Draft:
    """A request that no tool serves."""
    summary, says = customer.rng.choice(list(OUT_OF_SCOPE.items()))
    call = ToolCall(name="transfer_to_human_agents", arguments={"summary": summary})
    request = Request(kind="transfer", says=says, verbs=("transfer",), outcome="transferred")
    return TelecomDraft(request=request, features=frozenset({"transfer"}), calls=(call,))


def draft_question(customer: Customer, wanted: frozenset[str]) -> Draft | None:
    """When a contract ends, or the IMEI of a device."""
    lines = customer.free_lines()
    if not lines or (wanted & {POINTED, "withheld"} and len(customer.record["line_ids"]) < 2):
        return None
    line, _, device = details(customer.network, lines[0])
    lead = customer.rng.choice(("contract", "imei"))
    answer = line["contract_end_date"] if lead == "contract" else device["imei"]
    facts = customer.which(lines[0], by_device=POINTED in wanted)
    told = [replace(fact, volunteered="withheld" not in wanted) for fact in facts]
    customer.used.add(lines[0])
    request = Request(
        kind=QUESTION,
        says=_openings(customer, lead, told),
        facts=tuple(told),
        verbs=VERBS[QUESTION],
    )
    features = frozenset({QUESTION, *(wanted & {POINTED, "withheld"})})
    return TelecomDraft(request=request, tell=(str(answer),), features=features)


def _openings(
    customer: Customer, lead: str, facts: Sequence[Fact], *more: Sequence[str]
) -> tuple[str, ...]:
    said = [fact.says for fact in facts if fact.volunteered]
    return tuple(vary([LEADS[lead], *said, *more], customer.rng))
