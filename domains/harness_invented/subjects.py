"""How a client says which record and which entries it means: facts, and the opening sentence."""

from __future__ import annotations

from collections.abc import Sequence

from harness.types import Fact
from harness_invented.blueprint import ITEM_ROLES, Operation
from harness_invented.targets import Customer, Target, names_in
from harness_taskkit.wording import plural, the, with_article

_WRAPPERS = (
    "I want to {}.",
    "I would like to {}.",
    "Please {}.",
    "Can you {} for me?",
    "I need to {}.",
    "Could you {}?",
    "Can I {}?",
)


def subject_facts(customer: Customer, operation: Operation, target: Target | None) -> list[Fact]:
    """The record, then the entries; one fact for both where the entries are all that is known."""
    if target is None:
        return []
    if operation.role not in ITEM_ROLES:
        return [_record_fact(customer, target)]
    entries = _entries_fact(customer, target)
    return [_record_fact(customer, target), entries] if target.knows_id else [entries]


def hint_fact(customer: Customer, operation: Operation, target: Target | None) -> Fact:
    """Which of two records is meant: needed for the write, once the agent has seen both."""
    noun = customer.plan.record
    slot = "entries" if operation.role in ITEM_ROLES else operation.slots[-1]
    return Fact(
        about=f"which of the two {plural(noun)} you mean",
        asked_by=("which of the two", f"two {plural(noun)}", f"which {noun}"),
        says=target.hint if target else (),
        needed_for=(customer.plan.arguments[slot],),
    )


def lead_sentences(
    customer: Customer, operation: Operation, target: Target | None, told: Sequence[Fact]
) -> list[str]:
    """Openings that name as much of the record and entries as the told facts do."""
    plan = customer.plan
    if target is None:
        actions = [f"{operation.verb} the {plan.place} in my profile"]
    else:
        names = objects(customer, operation, target, told)
        actions = [action for name in names for action in _actions(customer, operation, name)]
    return [wrapper.format(action) for wrapper in _WRAPPERS for action in actions]


def objects(
    customer: Customer, operation: Operation, target: Target, told: Sequence[Fact]
) -> list[str]:
    """What the request is about, named as far as it is told."""
    noun = customer.plan.record
    about = {fact.about for fact in told}
    has_record = _record_about(customer) in about
    has_entries = _entries_about(customer) in about
    number = customer.id_of(target.record)
    is_open = bool(target.hint) and all(fact.says != target.hint for fact in told)
    if operation.role not in ITEM_ROLES:
        if not has_record:
            return [with_article(noun), f"one of my {plural(noun)}"]
        if is_open:
            return [f"one of my two {plural(noun)} with {with_article(target.names[0])}"]
        if target.knows_id:
            return [f"{noun} {number}", f"my {noun} {number}"]
        return [f"my {noun} with the {target.names[0]}", f"the {noun} with the {target.names[0]}"]
    if has_entries:
        named = the(target.names)
        if is_open:
            return [f"{with_article(target.names[0])}, which is in two of my {plural(noun)}"]
        if target.knows_id:
            return [f"{named} from {noun} {number}", f"{named} in my {noun} {number}"]
        return [f"{named} that I have from you", named]
    if has_record:
        return [f"something from {noun} {number}", f"a part of my {noun} {number}"]
    return ["something that I have from you", f"something in my {plural(noun)}"]


def _actions(customer: Customer, operation: Operation, name: str) -> list[str]:
    plan, verb = customer.plan, operation.verb
    match operation.role:
        case "move":
            return [f"{verb} the {plan.place} of {name}"]
        case "repay":
            return [f"{verb} the {plan.account} of {name}", f"pay for {name} in another way"]
        case "set":
            return [f"{verb} the {plan.option} of {name}"]
        case _:
            return [f"{verb} {name}"]


def _record_about(customer: Customer) -> str:
    return f"which {customer.plan.record} it is"


def _entries_about(customer: Customer) -> str:
    return f"which {customer.plan.entry} it is about"


def _record_fact(customer: Customer, target: Target) -> Fact:
    noun = customer.plan.record
    others = [record for record in customer.records if record is not target.record]
    if target.knows_id:
        number = customer.id_of(target.record)
        says = (f"It is {noun} {number}.", f"I mean {noun} {number}.")
        right: tuple[str, ...] = (number.lower(),)
        wrong = tuple(customer.id_of(record).lower() for record in others)
    else:
        name = target.names[0]
        says = (f"The one with the {name}.", f"It is the {noun} with the {name} in it.")
        here = names_in(target.record)
        right = target.names
        wrong = tuple({n: 0 for record in others for n in names_in(record) if n not in here})
    return Fact(
        about=_record_about(customer),
        asked_by=(f"which {noun}", f"what {noun}"),
        says=says,
        recognised_by=right,
        conflicts_with=wrong,
        needed_for=(customer.plan.arguments["record"],),
    )


def _entries_fact(customer: Customer, target: Target) -> Fact:
    plan = customer.plan
    named = the(target.names)
    slots = ["entries", "kind", *([] if target.knows_id else ["record"])]
    return Fact(
        about=_entries_about(customer),
        asked_by=(f"which {plan.entry}", f"what {plan.entry}", f"which {plan.record}"),
        says=(f"{named[0].upper()}{named[1:]}.", f"I mean {named}.", f"It is about {named}."),
        recognised_by=target.names,
        needed_for=tuple(plan.arguments[slot] for slot in slots),
    )
