"""Make one request of a client: what it wants, how it says so, what it tells when asked."""

from __future__ import annotations

from dataclasses import dataclass

from harness.types import Fact, Json, ToolCall
from harness_invented.blueprint import ITEM_ROLES, Operation, Role
from harness_invented.choices import (
    Flaw,
    choose_account,
    choose_count,
    choose_listed,
    choose_place,
)
from harness_invented.subjects import hint_fact, lead_sentences, subject_facts
from harness_invented.targets import Customer, Target, find_target
from harness_invented.variants import choose_editions
from harness_taskkit.choices import Choice, FirstThought
from harness_taskkit.drafts import Draft, Drafter


def draft_request(
    customer: Customer, role: Role, wanted: frozenset[str], *, flaw: Flaw = ""
) -> Draft | None:
    """A request with all wanted features; None if there is none for this client.

    With a flaw it is a request that must be refused.
    """
    operation = customer.plan.operations.get(role)
    if operation is None:
        return None
    target = None
    if operation.stage:
        target = find_target(
            customer,
            _stages(operation, flaw),
            several="several_entries" in wanted,
            two_records="two_records" in wanted,
        )
        if target is None:
            return None
    choices = _choose(customer, operation, target, wanted, flaw)
    if choices is None:
        return None
    drafter = Drafter(rng=customer.rng, choices=choices, flaw=flaw)
    draft = _Request(customer, operation, target, drafter).draft("withheld" in wanted)
    if not wanted <= draft.features:
        return None
    if target is not None:
        customer.used.add(customer.id_of(target.record))
    return draft


def _stages(operation: Operation, flaw: Flaw) -> tuple[str, ...]:
    if flaw != "status":
        return (operation.stage,)
    if operation.role in ("swap", "change"):
        return ("locked",)
    return tuple(stage for stage in ("early", "late", "locked") if stage != operation.stage)


def _choose(
    customer: Customer,
    operation: Operation,
    target: Target | None,
    wanted: frozenset[str],
    flaw: Flaw,
) -> list[Choice] | None:
    revise = "change_of_mind" in wanted
    plan = customer.plan
    if operation.role == "profile" or target is None:
        if "home" in customer.used:
            return None
        customer.used.add("home")
        return [choose_place(customer, None, revise)]
    match operation.role:
        case "drop":
            return [choose_listed(customer, "reason", plan.reasons, revise)]
        case "set":
            return [choose_listed(customer, "option", plan.option_values, revise)]
        case "extend":
            return [choose_count(customer, revise)]
        case "move":
            return [choose_place(customer, target, revise)]
        case "repay" | "give_back":
            total = float(target.record["payments"][0]["amount"])
            account = choose_account(
                customer, operation.role, target, total, flaw, revise and operation.role == "repay"
            )
            more = _one_more(customer, target) if revise and operation.role == "give_back" else None
            return None if account is None else [*([more] if more else []), account]
    chosen = choose_editions(customer, target, wanted, flaw)
    if chosen is None:
        return None
    editions, cost = chosen
    account = choose_account(customer, operation.role, target, cost, flaw, revise=False)
    return None if account is None else [editions, account]


def _one_more(customer: Customer, target: Target) -> Choice | None:
    """Another entry of the record, to be given back as well after all."""
    left = [entry for entry in target.record["entries"] if entry not in target.entries]
    if not left:
        return None
    key = customer.plan.arguments["entries"].removesuffix("s")
    entry = customer.rng.choice(left)
    before = [e[key] for e in target.entries]
    name = entry["name"].lower()
    fact = Fact(
        about="whether anything else goes back",
        asked_by=("goes back", "everything"),
        says=(f"Wait, please add the {name} to that.", f"Actually, I mean the {name} as well."),
        needed_for=(customer.plan.arguments["entries"],),
        volunteered=True,
    )
    return Choice(
        arguments={"entries": [*before, entry[key]]},
        fact=fact,
        features=frozenset({"change_of_mind"}),
        first=FirstThought(arguments={"entries": [*before]}, says=()),
    )


@dataclass(frozen=True, slots=True)
class _Request:
    customer: Customer
    operation: Operation
    target: Target | None
    drafter: Drafter

    def draft(self, withhold: bool) -> Draft:
        """The request; with ``withhold`` its opening leaves something out, if it can."""
        target, operation, drafter = self.target, self.operation, self.drafter
        subject = subject_facts(self.customer, operation, target)
        hint = target.hint if target else ()
        hints = [hint_fact(self.customer, operation, target)] if hint else []
        facts = [*subject, *hints, *(choice.fact for choice in self.drafter.choices)]
        ways = self._ways_to_withhold([] if hints else subject)
        told = drafter.told(facts, ways, hints=hints, withhold=withhold)
        leads = lead_sentences(self.customer, operation, target, told)
        call = self._call(final=True)
        request = drafter.request(
            operation.role,
            drafter.openings(leads, told, hint=hint),
            facts,
            told,
            call=call,
            proposal=self._call(final=False),
            verbs=(operation.verb,),
            refusal=self._refusal(),
        )
        features = drafter.features(operation.role)
        if hint:
            features.add("two_records")
        if self._is_several() and operation.role in ITEM_ROLES:
            features.add("several_entries")
        if len(told) < len(facts):
            features.add("withheld")
        return Draft(
            request=request, gold=None if self.drafter.flaw else call, features=frozenset(features)
        )

    def _ways_to_withhold(self, subject: list[Fact]) -> list[list[Fact]]:
        """Groups of facts each of which the opening can leave out as a whole."""
        if self.drafter.flaw:
            return [subject] if len(subject) == 1 else []
        free = [[c.fact] for c in self.drafter.choices if c.first is None]
        if any(c.first is not None and "entries" in c.arguments for c in self.drafter.choices):
            return free
        named = [
            c.fact for c in self.drafter.choices if "editions" in c.arguments and self._is_several()
        ]
        if named:
            free = [way for way in free if way[0] not in named]
        if any(c.first is not None and c.fact in named for c in self.drafter.choices):
            return free
        return [*([*subject[index:], *named] for index in range(len(subject))), *free]

    def _is_several(self) -> bool:
        return self.target is not None and len(self.target.entries) > 1

    def _call(self, *, final: bool) -> ToolCall:
        plan = self.customer.plan
        known: dict[str, Json] = {"client": self.customer.client[plan.arguments["client"]]}
        if self.target is not None:
            key = plan.arguments["entries"].removesuffix("s")
            known["record"] = self.customer.id_of(self.target.record)
            known["entries"] = [entry[key] for entry in self.target.entries]
        filled = self.drafter.arguments(known, final=final)
        arguments = {plan.arguments[slot]: filled[slot] for slot in self.operation.slots}
        return ToolCall(name=self.operation.tool, arguments=arguments)

    def _refusal(self) -> str:
        if self.drafter.flaw == "status" and self.target is not None:
            return f"that is not possible for a {self.target.record['status']} " + (
                self.customer.plan.record
            )
        return ""
