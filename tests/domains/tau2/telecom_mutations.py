"""Ways to go right or wrong in conversations where the user acts on its own phone, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.types import Json, Requestor, ToolCall
from harness_telecom.records import NETWORK_MODES, PERMISSIONS
from harness_telecom.tools import USER_TOOLS

from .drawing import Calls, Hand
from .mutations import COMMON, Mutate, named, with_several

_UNKNOWN = ("change_plan", "Toggle_data", "think", "get_db_hash", "db", "turn_data_on")
_LINE: dict[str, Json] = {"customer_id": "C1001", "line_id": "L1002"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TelecomHand(Hand):
    """Draws calls about the line of the official tasks, and now and then about others."""

    def line(self) -> dict[str, Json]:
        if self.rng.random() < 0.7:
            return dict(_LINE)
        owners = [owner for owner in self.database.customers.values() if owner["line_ids"]]
        owner = self.rng.choice(owners)
        return {"customer_id": owner["customer_id"], "line_id": self.rng.choice(owner["line_ids"])}

    def read(self) -> ToolCall:
        if self.rng.random() < 0.5:
            return self.of_user("check", "can_send", "run_speed")
        bill = self.rng.choice(list(self.database.bills))
        reads: list[tuple[str, dict[str, Json]]] = [
            ("get_customer_by_phone", {"phone_number": "555-123-2002"}),
            ("get_details_by_id", {"id": bill}),
            ("get_data_usage", self.line()),
            ("get_bills_for_customer", {"customer_id": "C1001"}),
            ("transfer_to_human_agents", {"summary": "The customer asks for it."}),
        ]
        name, arguments = self.rng.choice(reads)
        return ToolCall(name=name, arguments=arguments)

    def write(self) -> ToolCall:
        if self.rng.random() < 0.6:
            return self.of_user("toggle", "set_network", "re", "grant", "connect", "dis", "make")
        bill = self.rng.choice(["B1234321", *self.database.bills])
        writes: list[tuple[str, dict[str, Json]]] = [
            ("suspend_line", {**self.line(), "reason": "lost"}),
            ("resume_line", self.line()),
            ("send_payment_request", {"customer_id": "C1001", "bill_id": bill}),
            ("enable_roaming", self.line()),
            ("disable_roaming", self.line()),
            ("refuel_data", {**self.line(), "gb_amount": self.rng.choice([1, 2.0, 5])}),
        ]
        name, arguments = self.rng.choice(writes)
        return ToolCall(name=name, arguments=arguments)

    def failing(self) -> ToolCall:
        return ToolCall(name="enable_roaming", arguments={**_LINE, "line_id": "L0"})

    def strange(self) -> ToolCall:
        side: Requestor = self.rng.choice(["agent", "user"])
        return ToolCall(name=self.rng.choice(_UNKNOWN), arguments={}, requestor=side)

    def of_user(self, *beginnings: str) -> ToolCall:
        """A call of a tool of the user whose name begins so."""
        tools = [tool for tool in USER_TOOLS if tool.name.startswith(beginnings)]
        tool = self.rng.choice(tools)
        given: dict[str, Json] = {
            "mode": self.rng.choice(list(NETWORK_MODES)),
            "app_name": "messaging",
            "permission": self.rng.choice(PERMISSIONS),
        }
        arguments = {name: given[name] for name in tool.nouns}
        return ToolCall(name=tool.name, arguments=arguments, requestor="user")


def _agents_only(hand: Hand, calls: Calls) -> Calls:
    return [call for call in calls if call.requestor == "agent"]


def _users_only(hand: Hand, calls: Calls) -> Calls:
    return [call for call in calls if call.requestor == "user"]


def _users_first(hand: Hand, calls: Calls) -> Calls:
    return [*_users_only(hand, calls), *_agents_only(hand, calls)]


def _users_last(hand: Hand, calls: Calls) -> Calls:
    return [*_agents_only(hand, calls), *_users_only(hand, calls)]


def _by_the_other_side(hand: Hand, calls: Calls) -> Calls | None:
    def swapped(call: ToolCall) -> ToolCall:
        return replace(call, requestor="user" if call.requestor == "agent" else "agent")

    return hand.change(calls, swapped)


def _another_mode(hand: Hand, calls: Calls) -> Calls | None:
    return hand.argument(calls, lambda mode: hand.other([*NETWORK_MODES, "5g_only"], mode), "mode")


def _another_permission(hand: Hand, calls: Calls) -> Calls | None:
    return hand.argument(calls, lambda old: hand.other(PERMISSIONS, old), "permission")


def _another_amount(hand: Hand, calls: Calls) -> Calls | None:
    return hand.argument(calls, lambda old: hand.rng.choice([1.0, 5, 0, -2.0, 2]), "gb_amount")


def _another_line(hand: Hand, calls: Calls) -> Calls | None:
    return hand.argument(calls, lambda old: hand.other(hand.database.lines, old), "line_id")


def _rebooted_at_the_end(hand: Hand, calls: Calls) -> Calls:
    return [*calls, ToolCall(name="reboot_device", arguments={}, requestor="user")]


KINDS: Mapping[str, Mutate] = with_several(
    {
        **COMMON,
        **named(
            _agents_only,
            _users_only,
            _users_first,
            _users_last,
            _by_the_other_side,
            _another_mode,
            _another_permission,
            _another_amount,
            _another_line,
            _rebooted_at_the_end,
        ),
    }
)
"""All ways to go right or wrong, by name."""
