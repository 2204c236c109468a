"""A customer who calls, what has been used of it so far, and the line that a request is about."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from harness.types import Fact, Json, ToolCall
from harness_taskkit.choices import fact_of
from harness_taskkit.drafts import Draft
from harness_taskkit.plan import Plan
from harness_telecom.database import details, line_arguments, new_bill_id
from harness_telecom.records import Customer as Record
from harness_telecom.state import Network

WHICH = "which line you mean"
WHY = "why the line is suspended"
AMOUNTS = (0.5, 0.8, 1.2, 1.5, 1.8)
"""Data that may be added, in GB. No text of one is part of another's."""
TOO_MUCH = (2.5, 3.5, 5.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class TelecomDraft(Draft):
    """A request with what happens before the conversation, and the calls that fulfil it."""

    setup: tuple[ToolCall, ...] = ()
    calls: tuple[ToolCall, ...] = ()


@dataclass(slots=True)
class Customer:
    """``troubled``: its own phone is in trouble, or will be: its line is left alone otherwise.
    ``plan``: what is to be made of it.
    ``overdue``: it has a bill to pay already, or must have none.
    ``resumed``: the line that it had resumed last.
    """

    network: Network
    record: Record
    rng: random.Random
    troubled: bool
    plan: Plan
    overdue: bool = False
    resumed: str = ""
    had_trouble: bool = False
    used: set[str] = field(default_factory=set)

    @property
    def own_line(self) -> str:
        """The line of its phone."""
        return self.network.line_by_phone[self.record["phone_number"]]

    @property
    def may_be_in_trouble(self) -> bool:
        """Whether its phone works so far, and no request is about its line."""
        return not self.had_trouble and self.own_line not in self.used

    def free_lines(self) -> list[str]:
        """The lines that no request is about yet, in random order."""
        taken = self.used | ({self.own_line} if self.troubled or self.had_trouble else set())
        lines = self.record["line_ids"]
        return [key for key in self.rng.sample(lines, len(lines)) if key not in taken]

    def arguments(self, line_id: str) -> dict[str, Json]:
        return line_arguments(self.network, line_id)

    def overdue_bill(self, line_id: str, *, contract_ended: bool = False) -> tuple[str, ToolCall]:
        """The id of a new overdue bill, and the call that suspends the line for it."""
        bill_id = new_bill_id(self.network, self.rng)
        arguments: dict[str, Json] = {
            **self.arguments(line_id),
            "new_bill_id": bill_id,
            "contract_ended": contract_ended,
        }
        name = "suspend_line_for_overdue_bill"
        return bill_id, ToolCall(name=name, arguments=arguments)

    def paying(self, bill_id: str) -> list[ToolCall]:
        """The calls that have a bill paid."""
        arguments: dict[str, Json] = {
            "customer_id": self.record["customer_id"],
            "bill_id": bill_id,
        }
        return [
            ToolCall(name="send_payment_request", arguments=arguments),
            ToolCall(name="make_payment", arguments={}, requestor="user"),
        ]

    def resuming(self, line_id: str) -> ToolCall:
        return ToolCall(name="resume_line", arguments=self.arguments(line_id))

    def which(self, line_id: str, *, by_device: bool, again: bool = False) -> list[Fact]:
        """How it says which line is meant; [] if it has no other.

        ``again``: it is the line of the request before.
        """
        if len(self.record["line_ids"]) == 1:
            return []
        line, _, device = details(self.network, line_id)
        kind, number = device["device_type"], line["phone_number"]
        says = (
            (f"It is the line of my {kind}.", f"I mean the line that my {kind} has.")
            if by_device
            else (f"It is the line with the number {number}.", f"The number is {number}.")
        )
        if again and not by_device:
            says = (f"It is for the same line, {number}.", f"It is {number} again.")
        return [fact_of(WHICH, "which line", says, "line_id")]


def amount_fact(amount: float) -> Fact:
    """How much data the customer wants, in GB."""
    others = [one for one in (*AMOUNTS, *TOO_MUCH) if one != amount]
    return fact_of(
        "how much data to add",
        "how much/amount/gb",
        (f"I want {amount} GB.", f"Let me have {amount} GB more."),
        "gb_amount",
        right=_spoken(amount),
        wrong=[text for other in others for text in _spoken(other)],
    )


def _spoken(amount: float) -> tuple[str, ...]:
    return (f"{amount} gb", f"{amount}gb", f"gb {amount}", f"{amount} gigabyte")
