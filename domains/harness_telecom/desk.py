"""An agent at work: it looks, has the customer look, and remembers what it read of the carrier."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from harness.protocols import World
from harness.types import Json, ToolCall


class Desk:
    """Calls of both sides on one world, in groups; what was read of the carrier is remembered."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.calls: list[ToolCall] = []
        self.customer: Mapping[str, Any] = {}
        self.lines: dict[str, Mapping[str, Any]] = {}
        self.devices: dict[str, Mapping[str, Any]] = {}

    def taken(self) -> list[ToolCall]:
        """The calls since the last time."""
        calls, self.calls = self.calls, []
        return calls

    # --- the carrier ------------------------------------------------------------------------------

    def act(self, name: str, arguments: Mapping[str, Json]) -> Any:
        """What a call of the agent brings; None if it fails or tells no record."""
        call = ToolCall(name=name, arguments=dict(arguments))
        self.calls.append(call)
        result = self.world.call(call)
        if result.is_error:
            return None
        try:
            return json.loads(result.content)
        except ValueError:
            return None

    def details(self, key: str) -> Any:
        return self.act("get_details_by_id", {"id": key})

    def line(self, line_id: str) -> Mapping[str, Any]:
        """A line as it was when it was first looked at."""
        if line_id not in self.lines:
            self.lines[line_id] = self.details(line_id)
        return self.lines[line_id]

    def device(self, line_id: str) -> Mapping[str, Any]:
        """The device of a line."""
        if line_id not in self.devices:
            self.devices[line_id] = self.details(str(self.line(line_id)["device_id"]))
        return self.devices[line_id]

    def line_with(self, number: str) -> str:
        """The customer's line with a phone number, "" if it has none."""
        for line_id in self.customer["line_ids"]:
            if self.line(line_id)["phone_number"] == number:
                return str(line_id)
        return ""

    def line_of_device(self, kind: str, number: int = 0) -> str:
        """One of the customer's lines with such a device, 0 for the first; "" if there are not so
        many.
        """
        for line_id in self.customer["line_ids"]:
            if self.device(line_id)["device_type"] == kind:
                if number == 0:
                    return str(line_id)
                number -= 1
        return ""

    def arguments(self, line_id: str) -> dict[str, Json]:
        return {"customer_id": self.customer["customer_id"], "line_id": line_id}

    def has_paid(self) -> bool:
        """Have the overdue bill paid; whether it is now. True if there is none."""
        customer_id = self.customer["customer_id"]
        bills = self.act("get_bills_for_customer", {"customer_id": customer_id})
        overdue = [bill["bill_id"] for bill in bills if bill["status"] == "Overdue"]
        for bill_id in overdue:
            known = {"customer_id": customer_id, "bill_id": bill_id}
            self.act("send_payment_request", known)
            self.tell("check_payment_request")
            self.tell("make_payment")
            if self.details(bill_id)["status"] != "Paid":
                return False
        return True

    # --- the customer's phone ---------------------------------------------------------------------

    def tell(self, name: str, **arguments: Json) -> str:
        """What the customer sees after it did what it was told."""
        call = ToolCall(name=name, arguments=arguments, requestor="user")
        self.calls.append(call)
        return self.world.call(call).content
