"""One shared carrier that is never written, a user's phone, and what one conversation changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from harness.types import Split
from harness_taskkit.state import Overlay as Records
from harness_taskkit.state import ToolError
from harness_telecom.compat import Compat
from harness_telecom.records import (
    ACTIVE,
    AWAITING,
    PAID,
    POOR,
    Bill,
    Customer,
    Device,
    Line,
    Phone,
    Plan,
    Surroundings,
)

_PHONE, _SURROUNDINGS = ("user", "device"), ("user", "surroundings")


@dataclass(frozen=True, kw_only=True)
class Network:
    """A carrier and one of its users before the conversation. Shared: never write to it.

    ``today`` is the day on which all conversations take place, such as 2025-02-25. ``user`` has the
    user's side: "device" is a ``Phone``, "surroundings" are ``Surroundings``. The cached properties
    are about what no tool can change.
    """

    name: str
    split: Split
    today: str
    plans: Mapping[str, Plan]
    customers: Mapping[str, Customer]
    lines: Mapping[str, Line]
    bills: Mapping[str, Bill]
    devices: Mapping[str, Device]
    user: Mapping[str, Any]

    @cached_property
    def tables(self) -> Mapping[str, Mapping[str, Any]]:
        """All records by kind and id."""
        return {
            "plans": self.plans,
            "customers": self.customers,
            "lines": self.lines,
            "bills": self.bills,
            "devices": self.devices,
            "user": self.user,
        }

    @cached_property
    def line_by_phone(self) -> Mapping[str, str]:
        """The id of the first line with each number."""
        found: dict[str, str] = {}
        for line_id, line in self.lines.items():
            found.setdefault(line["phone_number"], line_id)
        return found

    @cached_property
    def customer_by_phone(self) -> Mapping[str, str]:
        """The id of the first customer with each number, as a contact or on a line."""
        found: dict[str, str] = {}
        for customer_id, customer in self.customers.items():
            found.setdefault(customer["phone_number"], customer_id)
            for line_id in customer["line_ids"]:
                found.setdefault(self.lines[line_id]["phone_number"], customer_id)
        return found

    @cached_property
    def has_slow_vpn(self) -> bool:
        """Whether the user's phone starts with a slow VPN."""
        details = self.user["device"]["vpn_details"]
        return bool(details and details["server_performance"] == POOR)

    @cached_property
    def is_synchronised(self) -> bool:
        """Whether neither side has anything to learn of the other."""
        overlay = Overlay(self, Compat(), unsynchronised=True)
        try:
            synchronise(overlay)
        except ToolError:
            return False
        return not overlay.changes()


class Overlay(Records[Network, Compat]):
    """A carrier and a user's phone seen through the writes of one conversation.

    ``slow_vpn``: whether there was a slow VPN so far. ``unsynchronised``: whether one side may have
    something to learn of the other.
    """

    __slots__ = ("slow_vpn", "unsynchronised")

    def __init__(
        self, database: Network, compat: Compat, *, unsynchronised: bool | None = None
    ) -> None:
        """``unsynchronised`` None: as the database is."""
        super().__init__(database, compat)
        self.slow_vpn = database.has_slow_vpn
        if unsynchronised is None:
            unsynchronised = not database.is_synchronised
        self.unsynchronised = unsynchronised

    # --- the carrier's records, to be read only; each raises ``ToolError`` ------------------------

    def customer(self, key: str) -> Customer:
        found: Customer = self._known("customers", key, "Customer")
        return found

    def line(self, key: str) -> Line:
        found: Line = self._known("lines", key, "Line")
        return found

    def bill(self, key: str) -> Bill:
        found: Bill = self._known("bills", key, "Bill")
        return found

    def device(self, key: str) -> Device:
        found: Device = self._known("devices", key, "Device")
        return found

    def plan(self, key: str) -> Plan:
        found: Plan = self._known("plans", key, "Plan")
        return found

    def customer_by_phone(self, number: str) -> Customer:
        found = self.database.customer_by_phone
        if not isinstance(number, str) or number not in found:
            raise ToolError(f"Customer with phone number {number} not found")
        return self.customer(found[number])

    def line_by_phone(self, number: str) -> Line:
        found = self.database.line_by_phone
        if number not in found:
            raise ToolError(f"Line with phone number {number} not found")
        return self.line(found[number])

    def line_of(self, customer_id: str, line_id: str) -> Line:
        """The line, if it is the customer's."""
        if line_id not in self.customer(customer_id)["line_ids"]:
            raise ToolError(f"Line {line_id} not found for customer {customer_id}")
        return self.line(line_id)

    def awaiting_payment(self, customer: Customer) -> Bill | None:
        """The first of the customer's bills that is to be paid at once; None if there is none."""
        own, bills = self._own, self.database.bills
        for bill_id in customer["bill_ids"]:
            bill: Bill = own.get(("bills", bill_id)) or bills[bill_id]
            if bill["status"] == AWAITING:
                return bill
        return None

    # --- the user's side, to be read only ---------------------------------------------------------

    @property
    def phone(self) -> Phone:
        found: Phone = self._own.get(_PHONE) or self.database.user["device"]
        return found

    @property
    def surroundings(self) -> Surroundings:
        found: Surroundings = self._own.get(_SURROUNDINGS) or self.database.user["surroundings"]
        return found

    # --- this conversation's own copies, made on the first write ----------------------------------

    def writable(self, kind: str, key: str, noun: str) -> Any:
        self.unsynchronised = True
        return super().writable(kind, key, noun)

    def put(self, kind: str, key: str, record: Mapping[str, Any]) -> None:
        self.unsynchronised = True
        super().put(kind, key, record)

    def writable_customer(self, key: str) -> Customer:
        found: Customer = self.writable("customers", key, "Customer")
        return found

    def writable_line(self, key: str) -> Line:
        found: Line = self.writable("lines", key, "Line")
        return found

    def writable_bill(self, key: str) -> Bill:
        found: Bill = self.writable("bills", key, "Bill")
        return found

    def writable_phone(self) -> Phone:
        """Its APN settings, VPN and apps are shared: put others in their place."""
        if _PHONE not in self._own:
            self._own[_PHONE] = {**self.database.user["device"]}
        own: Phone = self._own[_PHONE]
        return own

    def writable_surroundings(self) -> Surroundings:
        """What is in it is shared, too."""
        self.unsynchronised = True
        if _SURROUNDINGS not in self._own:
            self._own[_SURROUNDINGS] = {**self.database.user["surroundings"]}
        own: Surroundings = self._own[_SURROUNDINGS]
        return own

    def _known(self, kind: str, key: str, noun: str) -> Any:
        if isinstance(key, str):
            found = self._own.get((kind, key)) or self.database.tables[kind].get(key)
            if found is not None:
                return found
        raise ToolError(f"{noun} with ID {key} not found")


def synchronise(network: Overlay) -> None:
    """Let each side learn what the other did: the user what its line can do and what it should pay,
    the carrier what was paid.

    Raises ``ToolError`` for a user whose number or plan the carrier does not have.
    """
    if not network.unsynchronised:
        return
    number = network.surroundings["phone_number"]
    if number is not None:
        _synchronise(network, number)
    network.unsynchronised = False


def _synchronise(network: Overlay, number: str) -> None:
    line = network.line_by_phone(number)
    plan = network.plan(line["plan_id"])
    _tell_user(network, line, plan)
    request = network.surroundings["payment_request"]
    if request is not None and request["paid"]:
        network.writable_bill(request["bill_id"])["status"] = PAID
        network.writable_surroundings()["payment_request"] = request = None
    if request is None:
        bill = network.awaiting_payment(network.customer_by_phone(number))
        if bill is not None:
            network.writable_surroundings()["payment_request"] = {
                "bill_id": bill["bill_id"],
                "amount_due": bill["total_due"],
                "paid": False,
            }


def _tell_user(network: Overlay, line: Line, plan: Plan) -> None:
    active = line["status"] == ACTIVE
    roaming = bool(line["roaming_enabled"])
    exceeded = line["data_used_gb"] >= plan["data_limit_gb"] + line["data_refueling_gb"]
    around = network.surroundings
    if (active, roaming, exceeded) == (
        around["line_active"],
        around["roaming_allowed"],
        around["mobile_data_usage_exceeded"],
    ):
        return
    around = network.writable_surroundings()
    around["line_active"] = active
    around["roaming_allowed"] = roaming
    around["mobile_data_usage_exceeded"] = exceeded
