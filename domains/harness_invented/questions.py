"""Make requests to know something: a question about a record, or an amount after a write."""

from __future__ import annotations

from dataclasses import replace

from harness.types import Request, ToolCall
from harness_invented.blueprint import Operation
from harness_invented.state import Database, InventedWorld
from harness_invented.subjects import objects, subject_facts
from harness_invented.targets import Customer, Target, find_target
from harness_taskkit.drafts import Draft

_ASK = Operation(role="ask", tool="", slots=("record",), stage="", verb="tell")
_AMOUNTS = {
    "drop": ("Please tell me how much money I get back.", "How much will be refunded?"),
    "give_back": ("Please tell me the exact refund.", "I also want to know how much I get back."),
    "swap": ("I also want to know the exact difference.", "Tell me the difference to the cent."),
    "change": ("I also want to know the exact difference.", "And how much is the difference?"),
}


def draft_question(customer: Customer, wanted: frozenset[str]) -> Draft | None:
    """A question that a record of the client answers; None if there is none."""
    rng = customer.rng
    stages = ("early", "late", "locked")
    target = find_target(customer, stages, several=False, two_records=False)
    if target is None:
        return None
    facts = subject_facts(customer, _ASK, target)
    told = [] if "withheld" in wanted else facts
    name = rng.choice(objects(customer, _ASK, target, told))
    says, answer = rng.choice(_questions(customer, target, name))
    request = Request(
        kind="ask",
        says=says,
        facts=tuple(replace(fact, volunteered=fact in told) for fact in facts),
    )
    features = frozenset({"ask", *(["withheld"] if not told else [])})
    customer.used.add(customer.id_of(target.record))
    return Draft(request=request, features=features, tell=(answer,) if answer else ())


def with_amount(database: Database, draft: Draft) -> Draft:
    """The draft of a client who also wants to be told an amount, where its write has one."""
    sentences = _AMOUNTS.get(draft.request.kind)
    amount = _amount(database, draft.gold) if draft.gold else ""
    if not sentences or not amount:
        return draft
    says = draft.request.says
    asked = tuple(f"{text} {sentences[i % len(sentences)]}" for i, text in enumerate(says))
    request = replace(draft.request, says=asked)
    return replace(draft, request=request, tell=(amount,), features=draft.features | {"amount"})


def _questions(customer: Customer, target: Target, name: str) -> list[tuple[tuple[str, ...], str]]:
    plan = customer.plan
    record, account = target.record, plan.arguments["account"]
    last = record["payments"][-1]
    asked: list[tuple[tuple[str, ...], str]] = [
        ((f"How much did I pay for {name}?", f"What did I pay for {name}?"), money(last["amount"])),
        ((f"What is the status of {name}?", f"Tell me the status of {name}."), record["status"]),
        ((f"Which {plan.account} did {name} go to?",), last[account]),
    ]
    if plan.option in record and "set" in plan.operations:
        asked.append(((f"What is the {plan.option} of {name}?",), record[plan.option]))
    return asked


def _amount(database: Database, call: ToolCall) -> str:
    world = InventedWorld(database)
    if world.call(call).is_error:
        return ""
    after = [c.after for c in world.changes() if c.path[-2:-1] == ("payments",)]
    amount = after[-1].get("amount") if after and isinstance(after[-1], dict) else None
    return money(amount) if isinstance(amount, float | int) else ""


def money(amount: float) -> str:
    """An amount as a person says it: without cents if there are none."""
    return f"{amount:.2f}".removesuffix(".00")
