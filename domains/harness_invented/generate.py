"""Make tasks: a client of an invented business, its requests, and what they are to lead to."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.types import (
    Feature,
    Recipe,
    Request,
    Task,
    ToolCall,
    stable_seed,
)
from harness_invented.assembly import assemble
from harness_invented.blueprint import ITEM_ROLES, Role
from harness_invented.choices import Flaw
from harness_invented.database import database
from harness_invented.questions import draft_question
from harness_invented.requests import draft_request
from harness_invented.solve import solve
from harness_invented.state import Database
from harness_invented.targets import Customer
from harness_invented.wording import OUT_OF_SCOPE
from harness_taskkit.drafts import Draft
from harness_taskkit.plan import check_names, drawn, impossible

ROLES: Mapping[Role, float] = {
    "drop": 15,
    "give_back": 20,
    "swap": 20,
    "change": 19,
    "move": 9,
    "repay": 8,
    "profile": 7,
    "set": 6,
    "extend": 6,
}
DEAD_ENDS: Mapping[str, float] = {
    "refuse_status": 30,
    "refuse_account": 16,
    "refuse_edition": 20,
    "refuse_other_client": 10,
    "transfer": 24,
}
WISHES: Mapping[str, float] = {
    "two_records": 0.22,
    "withheld": 0.28,
    "several_entries": 0.55,
    "same_but": 0.45,
    "cheapest": 0.07,
    "fallback": 0.1,
    "change_of_mind": 0.08,
}
_ITEM_WISHES = frozenset({"several_entries"})
_SWAP_WISHES = frozenset({"same_but", "cheapest", "fallback"})
_TALK = ("multi_request", "failing_lookup", "account_choice", "ask", "amount")
_DEAD_END, _ASK, _FAILING = 0.12, 0.09, 0.06
_CLIENTS = 5
_TRIES = 400

FEATURES = tuple(
    Feature(name=name, description=f"{name.replace('_', ' ').capitalize()}.", provokes=kinds)
    for names, kinds in (
        (ROLES, ("missing_step", "wrong_tool", "missing_confirmation", "repeated_call")),
        (DEAD_ENDS, ("should_have_refused", "missing_transfer", "extra_write")),
        (WISHES, ("wrong_record", "wrong_edition", "no_progress")),
        (_TALK, ("missing_step", "gave_up")),
    )
    for name in names
)
_NAMES = frozenset(feature.name for feature in FEATURES)


def generate(seed: int, stream: int, recipe: Recipe) -> Iterator[Task]:
    """Endless tasks of the business ``seed``. Raises ``ConfigError`` for what it cannot have."""
    check_names("invented", (*recipe.required, *recipe.weights), _NAMES)
    number = failed = 0
    weights = {name: weight for name, weight in recipe.weights.items() if weight > 0}
    while True:
        rng = random.Random(stable_seed(seed, stream, recipe.split, number))
        must = {*recipe.required}
        if weights:
            must |= {drawn(weights, rng)}
        shop = database(seed, recipe.split, stable_seed(stream, number // 6) % 10**9)
        number += 1
        task = _make(shop, rng, frozenset(must))
        if task is not None:
            failed = 0
            yield task
            continue
        failed += 1
        if failed > _TRIES:
            hint = "Ask for fewer of them at once, or for another number."
            raise impossible(f"invented:{seed}", must, hint=hint)


@dataclass(frozen=True, slots=True)
class _Slot:
    kind: str
    wanted: frozenset[str]


def _make(shop: Database, rng: random.Random, must: frozenset[str]) -> Task | None:
    """A task for the first client whom the wishes fit, or with what must be alone; None if none."""
    slots = _slots(shop, rng, must)
    failing = "failing_lookup" in must or rng.random() < _FAILING
    plain = [_Slot(slot.kind, slot.wanted & must) for slot in slots]
    clients = rng.sample(list(shop.clients.values()), 2 * _CLIENTS)
    for client, wanted in zip(clients, [slots] * _CLIENTS + [plain] * _CLIENTS, strict=True):
        customer = Customer(shop, client, rng)
        drafts = [draft for slot in wanted if (draft := _draft(customer, slot))]
        if len(drafts) == len(wanted):
            task = assemble(customer, drafts, failing=failing, amount="amount" in must)
            return task if must <= {*task.tags} and solve(shop, task) is not None else None
    return None


def _slots(shop: Database, rng: random.Random, must: frozenset[str]) -> list[_Slot]:
    """The requests of one task in order."""
    kinds = [name for name in sorted(must) if name in ROLES or name in DEAD_ENDS]
    has: dict[str, float] = {
        role: weight for role, weight in ROLES.items() if role in shop.plan.operations
    }
    luck = rng.random()
    if not kinds and luck < _DEAD_END:
        kinds = [drawn(DEAD_ENDS, rng)]
    if "ask" in must or (not kinds and luck > 1 - _ASK):
        kinds.append("ask")
    count = rng.choices((1, 2, 3, 4), (58, 26, 12, 4))[0]
    count = max(count, 2 if "multi_request" in must else 1, len(kinds))
    if _SWAP_WISHES & must and not {"swap", "change"} & {*kinds}:
        kinds.append(rng.choice(("swap", "change")))
    kinds += [drawn(has, rng) for _ in range(count - len(kinds))]
    rng.shuffle(kinds)
    kinds.sort(key=lambda kind: kind == "transfer")
    return [_Slot(kind, _wishes(kind, rng, must)) for kind in kinds]


def _wishes(kind: str, rng: random.Random, must: frozenset[str]) -> frozenset[str]:
    if kind in DEAD_ENDS or kind == "ask":
        return frozenset({"withheld"} if rng.random() < 0.2 else ())
    wishes = {name for name, share in WISHES.items() if name in must or rng.random() < share}
    if kind not in ITEM_ROLES:
        wishes -= _ITEM_WISHES
    if kind not in ("swap", "change"):
        wishes -= _SWAP_WISHES
    if "change_of_mind" in wishes:
        wishes -= {"same_but", "cheapest", "fallback", "withheld"} - must
    ways = sorted(wishes & _SWAP_WISHES, key=lambda way: (way not in must, way))
    wishes -= {*ways[1:]}
    if "two_records" in wishes:
        wishes -= {"several_entries"} - must
    return frozenset(wishes)


def _draft(customer: Customer, slot: _Slot) -> Draft | None:
    rng = customer.rng
    if slot.kind == "transfer":
        return _transfer(customer)
    if slot.kind == "refuse_other_client":
        return _other_client(customer)
    if slot.kind == "ask":
        return draft_question(customer, slot.wanted)
    if slot.kind in ROLES:
        return draft_request(customer, _role(slot.kind), slot.wanted)
    flaw: Flaw = "status"
    roles: list[Role] = ["drop", "give_back", "swap", "change", "move", "repay", "set", "extend"]
    if slot.kind == "refuse_account":
        flaw, roles = "account", ["give_back", "repay", "swap", "change"]
    elif slot.kind == "refuse_edition":
        flaw, roles = "edition", ["swap", "change"]
    for role in rng.sample(roles, len(roles)):
        if draft := draft_request(customer, role, slot.wanted, flaw=flaw):
            return draft
    return None


def _role(kind: str) -> Role:
    return next(role for role in ROLES if role == kind)


def _transfer(customer: Customer) -> Draft:
    plan = customer.plan
    summary, says = customer.rng.choice(OUT_OF_SCOPE)
    text = f"The {plan.client} wants to {summary}."
    call = ToolCall(name=plan.handover, arguments={plan.arguments["summary"]: text})
    request = Request(kind="transfer", says=(says,), verbs=("transfer",), outcome="transferred")
    return Draft(request=request, gold=call, features=frozenset({"transfer"}))


def _other_client(customer: Customer) -> Draft:
    """The wish to end the record of a friend."""
    plan, rng = customer.plan, customer.rng
    others = [c for c in customer.database.clients.values() if c is not customer.client]
    friend = " ".join(rng.choice(others)["name"].values())
    verb = plan.operations["drop"].verb
    request = Request(
        kind="other",
        says=(
            f"My friend {friend} has a {plan.record} with you. Please {verb} it.",
            f"I want to {verb} the {plan.record} of {friend}, a friend of mine.",
        ),
        verbs=(verb,),
        outcome="refused",
        refusal="I can only help you with what is your own",
    )
    return Draft(request=request, features=frozenset({"refuse_other_client"}))
