"""Plan the calls of both sides that fulfil a task, from what the customer says and what shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from harness.types import Fact, Request, Task, ToolCall
from harness_taskkit.proofs import reaches_gold
from harness_telecom.compat import FIXED, Compat
from harness_telecom.database import MODELS, network_of
from harness_telecom.desk import Desk
from harness_telecom.faults import SYMPTOMS
from harness_telecom.features import TROUBLES
from harness_telecom.manual import Case, Lost, support
from harness_telecom.targets import WHICH
from harness_telecom.tools import TelecomWorld
from harness_telecom.wishes import Choice, amounts_in, is_abroad, meant

FINDERS = ("get_customer_by_phone",)
"""Look-ups that may find nobody."""

_NUMBER = re.compile(r"\b\d{3}-\d{3}-\d{4}\b")
_NAME = re.compile(r"\b(?:name is|I am) ([^,]+),.*\b(\d{4}-\d\d-\d\d)")


def solve(task: Task, compat: Compat = FIXED) -> list[list[ToolCall]] | None:
    """One group of calls per request, those of the customer's phone among them, as the manual has
    them and as each shows what the next is to be.

    None if the words do not lead to one customer and one line, if what should work in the end does
    not, or if the calls do not lead where the gold calls lead.
    """
    groups = attempt(task, compat)
    if groups is None:
        return None
    network = network_of(task.world)
    done = reaches_gold(task, groups, lambda: TelecomWorld(network, compat), may_fail=FINDERS)
    return groups if done else None


def attempt(
    task: Task, compat: Compat = FIXED, choices: Mapping[int, Choice] | None = None
) -> list[list[ToolCall]] | None:
    """The same without a look at the gold calls of what is changed, or at what requests want.

    choices: by the index of a request, another of the things that its words can mean.
    """
    network = network_of(task.world)
    desk = Desk(TelecomWorld(network, compat))
    if not _identified(desk, task.scenario.identity):
        return None
    groups = []
    for number, request in enumerate(task.scenario.requests):
        choice = (choices or {}).get(number, Choice())
        if not _serve(desk, request, choice, network.today):
            return None
        groups.append(desk.taken())
    return groups


def _identified(desk: Desk, identity: Sequence[Fact]) -> bool:
    for fact in identity:
        number, named = _NUMBER.search(fact.says[0]), _NAME.search(fact.says[0])
        if number:
            desk.customer = desk.act("get_customer_by_phone", {"phone_number": number[0]}) or {}
        elif named:
            found = desk.act("get_customer_by_name", {"full_name": named[1], "dob": named[2]})
            desk.customer = found[0] if found and len(found) == 1 else {}
    return bool(desk.customer)


def _serve(desk: Desk, request: Request, choice: Choice, today: str) -> bool:
    if request.outcome == "refused":
        return _looked(desk, request)
    if request.kind in TROUBLES:
        return _supported(desk, request, choice, today)
    if request.outcome == "transferred":
        _transfer(desk, request.says[0])
        return True
    if request.kind == "pay_bill":
        return desk.has_paid()
    line_id, wish = pointed(desk, request, choice.line), meant(request, choice.value)
    if not line_id or wish is None:
        return False
    if not wish.tool:
        desk.device(line_id)
        return True
    if request.kind == "resume" and not _may_resume(desk, line_id, today):
        return False
    desk.act(wish.tool, {**desk.arguments(line_id), **wish.arguments})
    return True


def _looked(desk: Desk, request: Request) -> bool:
    """Whether what the refusal rests on was looked at."""
    if request.kind == "pay_bill":
        known = {"customer_id": desk.customer["customer_id"]}
        bills = desk.act("get_bills_for_customer", known)
        asked = [bill for bill in bills if "-12-" in bill["period_start"]]
        return bool(asked) and all(bill["status"] == "Paid" for bill in asked)
    return bool(amounts := amounts_in(request)) and all(amount > 2 for amount in amounts)


def _supported(desk: Desk, request: Request, choice: Choice, today: str) -> bool:
    line_id = desk.line_with(desk.customer["phone_number"])
    if not line_id:
        return False
    amounts = amounts_in(request)[choice.value :] or [0.0]
    case = Case(
        desk=desk,
        line_id=line_id,
        today=today,
        abroad=is_abroad(request) if choice.abroad is None else choice.abroad,
        amount=amounts[0],
    )
    symptom = next(one for one in SYMPTOMS if one == request.kind)
    try:
        return support(case, symptom) and request.outcome == "done"
    except Lost as lost:
        _transfer(desk, lost.why)
        return request.outcome == "transferred"


def _may_resume(desk: Desk, line_id: str, today: str) -> bool:
    """Whether the line may be resumed, all overdue bills being paid now."""
    return desk.line(line_id)["contract_end_date"] >= today and desk.has_paid()


def _transfer(desk: Desk, summary: str) -> None:
    desk.act("transfer_to_human_agents", {"summary": summary})


def pointed(desk: Desk, request: Request, number: int = 0) -> str:
    """One of the lines that the customer can mean, 0 for the first; "" if there are not so many."""
    said = [fact.says[0] for fact in request.facts if fact.about == WHICH]
    if not said:
        lines = desk.customer["line_ids"][number : number + 1]
        return str(lines[0]) if lines and desk.line(lines[0]) else ""
    named = _NUMBER.search(said[0])
    if named:
        return desk.line_with(named[0]) if number == 0 else ""
    kind = next((kind for kind in MODELS if f" {kind}" in said[0]), "")
    return desk.line_of_device(kind, number) if kind else ""
