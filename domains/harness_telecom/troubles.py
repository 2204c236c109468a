"""Make requests of customers whose phone does not work: one or several faults, with a symptom."""

from __future__ import annotations

from dataclasses import replace

from harness.types import Fact, Request, ToolCall
from harness_taskkit.choices import fact_of
from harness_taskkit.wording import vary
from harness_telecom.database import details
from harness_telecom.faults import (
    DATA_USED_UP,
    FAULTS,
    SYMPTOMS,
    Symptom,
    breaking,
    mending,
    noticed_as,
)
from harness_telecom.features import HESITANT, SEVERAL, SUSPENDED_LINE
from harness_telecom.targets import AMOUNTS, Customer, TelecomDraft, amount_fact
from harness_telecom.wording import ABROAD, HOME, SUMMARIES, TROUBLES

PLACE = "where you are"
REBOOT = ToolCall(name="reboot_device", arguments={}, requestor="user")
SEARCH = ToolCall(name="simulate_network_search", arguments={}, requestor="user")


def draft_trouble(customer: Customer, kind: str, wanted: frozenset[str]) -> TelecomDraft | None:
    """A phone with the wanted faults, or one that the customer notices so; None if none fits."""
    symptom = next(one for one in SYMPTOMS if one == kind)
    suspended = SUSPENDED_LINE in wanted
    faults = _faults(customer, symptom, wanted, suspended=suspended)
    if not customer.may_be_in_trouble or faults is None or (suspended and customer.overdue):
        return None
    customer.had_trouble = True
    line_id, rng = customer.own_line, customer.rng
    known = customer.arguments(line_id)
    limit = details(customer.network, line_id)[1]["data_limit_gb"]
    amount = rng.choice(AMOUNTS)
    setup, calls = _place(customer, faults), []
    if suspended:
        bill_id, suspending = customer.overdue_bill(line_id)
        customer.overdue = True
        setup.append(suspending)
        calls = [*customer.paying(bill_id), customer.resuming(line_id), REBOOT]
    for name in faults:
        setup += breaking(name, known, limit)
        calls += mending(name, known, amount)
    features = {kind, *faults} | ({SUSPENDED_LINE} if suspended else set())
    features |= wanted & {HESITANT}
    if len(faults) + suspended > 1:
        features.add(SEVERAL)
    facts = [_place_fact(customer, faults)] if symptom != "no_service" else []
    if DATA_USED_UP in faults:
        facts.append(amount_fact(amount))
    return TelecomDraft(
        request=_request(customer, symptom, facts),
        features=frozenset(features),
        setup=(*setup, SEARCH),
        calls=tuple(calls),
    )


def draft_lost_case(customer: Customer, kind: str) -> TelecomDraft | None:
    """A phone that only a human can help: its SIM card is locked, or its contract has ended."""
    if not customer.may_be_in_trouble or (kind == "transfer_contract" and customer.overdue):
        return None
    customer.had_trouble = True
    if kind == "transfer_contract":
        customer.overdue = True
        setup = [customer.overdue_bill(customer.own_line, contract_ended=True)[1]]
    else:
        mode = customer.rng.choice(("pin", "puk"))
        setup = [ToolCall(name="lock_sim_card", arguments={"mode": mode}, requestor="user")]
    call = ToolCall(name="transfer_to_human_agents", arguments={"summary": SUMMARIES[kind]})
    request = _request(customer, "no_service", [])
    return TelecomDraft(
        request=replace(request, outcome="transferred"),
        features=frozenset({kind}),
        setup=(*setup, SEARCH),
        calls=(call,),
    )


def _faults(
    customer: Customer, symptom: Symptom, wanted: frozenset[str], *, suspended: bool
) -> list[str] | None:
    """Names of faults in their order, the wanted ones among them; None if some exclude others."""
    rng = customer.rng
    chosen = [name for name in FAULTS if name in wanted]
    if any(not _goes_with(name, chosen) for name in chosen):
        return None
    fitting = noticed_as(symptom)
    if not suspended and not any(FAULTS[name].symptom == symptom for name in chosen):
        own = [n for n in fitting if FAULTS[n].symptom == symptom and _goes_with(n, chosen)]
        chosen.append(rng.choice(own))
    most = rng.choice((2, 2, 3)) if len(customer.plan.slots) == 1 else 2
    count = most if SEVERAL in wanted else 1
    while len(chosen) + suspended < count:
        more = [n for n in fitting if n not in chosen and _goes_with(n, chosen)]
        chosen.append(rng.choice(more))
    return [name for name in FAULTS if name in chosen]


def _goes_with(name: str, others: list[str]) -> bool:
    return not any(other in FAULTS[name].apart for other in others)


def _place(customer: Customer, faults: list[str]) -> list[ToolCall]:
    """Where the customer is; abroad everything that roaming needs is on, but for the faults."""
    if not _abroad(faults):
        return []
    return [
        ToolCall(name="set_user_location", arguments={"abroad": True}, requestor="user"),
        ToolCall(name="enable_roaming", arguments=customer.arguments(customer.own_line)),
        ToolCall(name="turn_roaming_on", arguments={}, requestor="user"),
    ]


def _abroad(faults: list[str]) -> bool:
    return any(FAULTS[name].abroad for name in faults)


def _place_fact(customer: Customer, faults: list[str]) -> Fact:
    says = ABROAD if _abroad(faults) else HOME
    return fact_of(PLACE, "where/abroad/travel", says, "")


def _request(customer: Customer, symptom: Symptom, facts: list[Fact]) -> Request:
    rng = customer.rng
    told = [replace(f, volunteered=f.about == PLACE or rng.random() < 0.4) for f in facts]
    parts = [TROUBLES[symptom], *(fact.says for fact in told if fact.about == PLACE)]
    parts += [_would_pay(fact.says) for fact in told if fact.about != PLACE and fact.volunteered]
    return Request(kind=symptom, says=tuple(vary(parts, rng)), facts=tuple(told))


def _would_pay(says: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"Should it be the data that is used up: {text}" for text in says)
