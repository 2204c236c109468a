"""Turn a seed and a recipe into tasks on small carriers made for them."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

from harness.types import Fact, Json, Request, Scenario, Split, Task, ToolCall
from harness_taskkit.choices import fact_of, instead
from harness_taskkit.drafts import Draft
from harness_taskkit.generating import Caller, Tasks, assembled, features_of
from harness_taskkit.numbers import Numbers
from harness_taskkit.plan import Plan, Planner
from harness_telecom.compat import FIXED, Compat
from harness_telecom.database import as_setup, database, database_name
from harness_telecom.features import HESITANT, MIX, QUESTION, TROUBLES
from harness_telecom.prose import tell
from harness_telecom.requests import (
    draft_line_request,
    draft_payment,
    draft_question,
    draft_refusal,
    draft_transfer,
)
from harness_telecom.solve import solve
from harness_telecom.state import Network
from harness_telecom.targets import Customer, TelecomDraft
from harness_telecom.tools import TOOLS
from harness_telecom.troubles import draft_lost_case, draft_trouble
from harness_telecom.wording import PERSONAS

_SAVVY = 0.3
"""How many of the customers who are not hesitant are tech-savvy."""
_PLANNER = Planner(MIX)
_TOLD_AT_ONCE = 0.25
_MOST_MESSAGES = 70
"""A conversation may have 80, with detours."""
_DOUBTS = 6
"""How many messages more a hesitant customer takes, at most."""
_WRITES = frozenset(tool.name for tool in TOOLS if tool.kind == "write")
_LOST_CASES = ("transfer_locked_sim", "transfer_contract")


@dataclass(frozen=True, slots=True)
class _Networks:
    compat: Compat
    planner: Planner = _PLANNER

    def database(self, split: Split, seed: int) -> Network:
        return database(database_name(split, seed))

    def customers(
        self, network: Network, plan: Plan, rng: random.Random, about: Sequence[str]
    ) -> Iterator[Customer]:
        """In random order; first those of whom a name, a number or a device is asked for."""
        wanted = frozenset(text.lower() for text in about)
        keys = rng.sample(list(network.customers), len(network.customers))
        if wanted:
            keys.sort(key=lambda key: wanted.isdisjoint(_words(network, key)))
        troubled = any(slot.kind in (*TROUBLES, *_LOST_CASES) for slot in plan.slots)
        for key in keys:
            yield Customer(network, network.customers[key], rng, troubled, plan)

    def draft(self, customer: Customer, kind: str, wanted: frozenset[str]) -> Draft | None:
        if kind in TROUBLES:
            return draft_trouble(customer, kind, wanted)
        if kind in _LOST_CASES:
            return draft_lost_case(customer, kind)
        if kind == "transfer":
            return draft_transfer(customer)
        if kind == "pay_bill":
            return draft_payment(customer, wanted)
        if kind == QUESTION:
            return draft_question(customer, wanted)
        if kind.startswith("refuse_"):
            return draft_refusal(customer, kind, wanted)
        return draft_line_request(customer, kind, wanted)

    def holds(self, customer: Customer, drafts: Sequence[Draft]) -> bool:
        """Whether the solver serves it all, in a conversation that is not too long."""
        task = _assemble(customer, customer.plan, drafts)
        groups = solve(task, self.compat)
        return groups is not None and _messages(groups) <= _MOST_MESSAGES

    def assemble(self, customer: Customer, plan: Plan, drafts: Sequence[Draft]) -> Task:
        return _assemble(customer, plan, drafts)


_TASKS = Tasks(_Networks, FIXED)
fixed_tasks = _TASKS.fixed_tasks
generate = _TASKS.generate


def _messages(groups: Sequence[Sequence[ToolCall]]) -> int:
    """How many the conversation has at least: what the user does, or says yes to, takes four."""
    calls = [call for group in groups for call in group]
    long = sum(call.requestor == "user" or call.name in _WRITES for call in calls)
    return 2 * (len(calls) + long) + 3 * len(groups) + 2 + _DOUBTS


def _words(network: Network, customer_id: str) -> set[str]:
    """What a customer can call about: its name, its numbers, its devices."""
    customer = network.customers[customer_id]
    lines = [network.lines[key] for key in customer["line_ids"]]
    devices = {network.devices[str(line["device_id"])]["device_type"] for line in lines}
    numbers = {line["phone_number"] for line in lines}
    return devices | numbers | {customer["full_name"].lower(), *customer["line_ids"]}


def _assemble(customer: Customer, plan: Plan, drafts: Sequence[Draft]) -> Task:
    network, record, rng = customer.network, customer.record, customer.rng
    number = record["phone_number"]

    def told(identity: Sequence[Fact], requests: Sequence[Request]) -> Scenario:
        persona = _persona(features_of(drafts), rng)
        return replace(tell(record, identity, requests), persona=persona)

    caller = Caller(
        identity=(_number_fact(number),),
        mistaken=lambda: (_number_fact(_mistaken(network, rng)), instead(_name_fact(customer))),
        at_once=_TOLD_AT_ONCE,
        tell=told,
    )
    made = [cast(TelecomDraft, draft) for draft in drafts]
    user = ToolCall(
        name="set_user_info",
        arguments={"name": record["full_name"], "phone_number": number},
        requestor="user",
    )
    setup = as_setup([user, *(call for draft in made for call in draft.setup)])
    world: dict[str, Json] = {"database": network.name, "setup": setup}
    gold = [call for draft in made for call in draft.calls]
    return assembled("telecom", network.split, world, caller, plan, drafts, rng, gold=gold)


def _persona(features: Collection[str], rng: random.Random) -> str:
    if HESITANT in features:
        return PERSONAS[HESITANT]
    return PERSONAS["tech-savvy"] if rng.random() < _SAVVY else ""


def _number_fact(number: str) -> Fact:
    return fact_of(
        "your phone number",
        "phone number/who you are/identity",
        (f"My phone number is {number}.", f"You find me by {number}, my number."),
        "phone_number",
        right=(number,),
    )


def _name_fact(customer: Customer) -> Fact:
    name, born = customer.record["full_name"], customer.record["date_of_birth"]
    return fact_of(
        "your name and date of birth",
        "name/birth",
        (f"My name is {name}, and I was born on {born}.", f"I am {name}, born {born}."),
        "full_name dob",
        right=(name.lower(), born),
    )


def _mistaken(network: Network, rng: random.Random) -> str:
    """A number that nobody has."""
    while True:
        digits = str(Numbers(network.split, rng).fresh(7))
        number = f"555-{digits[:3]}-{digits[3:]}"
        if number not in network.customer_by_phone:
            return number
