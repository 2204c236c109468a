"""Make one request of a customer: what it wants, how it says so, what it tells when asked."""

from __future__ import annotations

from dataclasses import dataclass

from harness.types import Fact, Json, ToolCall
from harness_retail.answers import amount_of
from harness_retail.choices import (
    Flaw,
    choose_address,
    choose_new_payment,
    choose_reason,
    choose_refund,
    choose_settlement,
    takes_profile,
)
from harness_retail.operations import OPERATIONS, Operation
from harness_retail.subjects import hint_fact, lead_sentences, subject_facts
from harness_retail.targets import Customer, Target, find_target
from harness_retail.variants import choose_variants, price_difference
from harness_retail.wording import AMOUNT_QUESTIONS, one_more_sentences, spoken
from harness_taskkit.choices import Choice, FirstThought
from harness_taskkit.drafts import Draft, Drafter
from harness_taskkit.wording import amount_text


def draft_request(
    customer: Customer, kind: str, wanted: frozenset[str], *, flaw: Flaw = ""
) -> Draft | None:
    """A request of a kind with all wanted features; None if there is none for this customer.

    With a flaw it is a request that must be refused.
    """
    operation = OPERATIONS[kind]
    target = None
    if kind != "user_address":
        target = find_target(
            customer,
            operation.wrong_statuses if flaw == "status" else (operation.status,),
            several="several_items" in wanted,
            two_orders="two_orders" in wanted,
            again="same_order" in wanted,
        )
    elif not takes_profile(customer):
        return None
    if target is None and operation.status:
        return None
    choices = _choose(customer, kind, target, wanted, flaw)
    if choices is None:
        return None
    drafter = Drafter(rng=customer.rng, choices=choices, flaw=flaw)
    request = _Request(customer, kind, target, drafter)
    draft = request.draft(withhold="withheld" in wanted, ask_amount="amount" in wanted)
    if not wanted <= draft.features:
        return None
    if target is not None:
        _remember(customer, kind, target, flaw)
    return draft


def _remember(customer: Customer, kind: str, target: Target, flaw: Flaw) -> None:
    """An order is for one request, but for a change of its address: one more may follow that."""
    order_id = target.order["order_id"]
    customer.open.discard(order_id)
    if kind == "modify_address" and not flaw:
        customer.open.add(order_id)
    customer.used.add(order_id)


def _choose(
    customer: Customer, kind: str, target: Target | None, wanted: frozenset[str], flaw: Flaw
) -> list[Choice] | None:
    revise = "change_of_mind" in wanted
    found: list[Choice | None] = []
    if kind == "cancel":
        found = [choose_reason(customer)]
    elif kind in ("modify_address", "user_address") or target is None:
        found = [choose_address(customer, kind, target, revise)]
    elif kind == "modify_payment":
        found = [choose_new_payment(customer, target, flaw, change_of_mind=revise)]
    elif kind == "return":
        found = [choose_refund(customer, target, flaw)]
        if revise:
            found.append(_one_more_item(customer, target))
    else:
        variants = choose_variants(customer, target, kind, wanted, flaw)
        if variants is None:
            return None
        difference = price_difference(customer, target, variants)
        found = [variants, choose_settlement(customer, kind, difference, flaw)]
    choices = [choice for choice in found if choice is not None]
    return choices if len(choices) == len(found) else None


def _one_more_item(customer: Customer, target: Target) -> Choice | None:
    """Another item of the order, which the customer wants to return as well after all."""
    left = [item for item in target.order["items"] if item not in target.items]
    if not left:
        return None
    item = customer.rng.choice(left)
    before = [item["item_id"] for item in target.items]
    fact = Fact(
        about="whether anything else is to be returned",
        asked_by=("all the items", "all items", "other items", "complete"),
        says=one_more_sentences(spoken(item["name"])),
        needed_for=("item_ids",),
        volunteered=True,
    )
    return Choice(
        arguments={"item_ids": [*before, item["item_id"]]},
        fact=fact,
        features=frozenset({"change_of_mind"}),
        first=FirstThought(arguments={"item_ids": [*before]}, says=()),
    )


@dataclass(frozen=True, slots=True)
class _Request:
    customer: Customer
    kind: str
    target: Target | None
    drafter: Drafter

    @property
    def operation(self) -> Operation:
        return OPERATIONS[self.kind]

    def draft(self, *, withhold: bool, ask_amount: bool) -> Draft:
        """The request; with ``withhold`` its opening leaves at least one fact out, if it can.

        With ``ask_amount`` it also asks for the amount that the call moves, if one can be told.
        """
        target, drafter = self.target, self.drafter
        subject = subject_facts(self.customer, self.kind, target) if target else []
        hints = [hint_fact(target, self.kind)] if target and target.hint else []
        facts = [*subject, *hints, *(choice.fact for choice in self.drafter.choices)]
        ways = self._free_decisions() if hints else self._ways_to_withhold(subject)
        told = drafter.told(facts, ways, hints=hints, withhold=withhold, last=hints)
        known = self._known()
        call = drafter.call(self.operation, known)
        answer = self._amount(call) if ask_amount else ""
        says = drafter.openings(
            lead_sentences(self.kind, target, told),
            told,
            hint=target.hint if target else (),
            question=AMOUNT_QUESTIONS[self.kind] if answer else (),
        )
        return drafter.draft(
            self.kind,
            self.operation,
            known,
            says,
            facts,
            told,
            refusal=self._refusal(),
            answer=answer,
            features=self._features(call),
        )

    def _amount(self, call: ToolCall) -> str:
        if self.target is None or self.drafter.flaw:
            return ""
        return amount_text(abs(amount_of(self.customer.database, self.target.order, call)))

    def _ways_to_withhold(self, subject: list[Fact]) -> list[list[Fact]]:
        """Groups of facts each of which the opening can leave out as a whole."""
        if self.drafter.flaw:
            # A refusal follows from look-ups: what these do not ask for, the opening must tell.
            return [subject] if len(subject) == 1 else []
        naming = [choice for choice in self.drafter.choices if self._names_items(choice)]
        if any(choice.first for choice in naming):
            return self._free_decisions()
        named = [choice.fact for choice in naming]
        # What is told of a subject is its front: an order without its items, never the reverse.
        return [
            *([*subject[index:], *named] for index in range(len(subject))),
            *self._free_decisions(),
        ]

    def _free_decisions(self) -> list[list[Fact]]:
        return [[c.fact] for c in self.drafter.choices if c.first is None and not self.drafter.flaw]

    def _names_items(self, choice: Choice) -> bool:
        """Whether a choice cannot be told without telling the items."""
        several = self.target is not None and len(self.target.items) > 1
        return several and "new_item_ids" in choice.arguments

    def _known(self) -> dict[str, Json]:
        known: dict[str, Json] = {"user_id": self.customer.user["user_id"]}
        if self.target is not None:
            known["order_id"] = self.target.order["order_id"]
            known["item_ids"] = [item["item_id"] for item in self.target.items]
        return known

    def _refusal(self) -> str:
        if self.drafter.flaw == "status" and self.target is not None:
            return self.operation.refusal.format(self.target.order["status"])
        return ""

    def _features(self, call: ToolCall) -> set[str]:
        target, item_ids = self.target, call.arguments.get("item_ids")
        named = {
            "two_orders": target is not None and bool(target.hint),
            "several_items": isinstance(item_ids, list) and len(item_ids) > 1,
            "same_order": target is not None and target.order["order_id"] in self.customer.open,
        }
        return {name for name, has in named.items() if has}
