"""The agent's tools that change the carrier's records."""

from __future__ import annotations

import datetime
from math import isfinite
from typing import cast

from harness.types import Json, stable_id
from harness_taskkit.state import ToolError
from harness_telecom.reads import month_after, next_month, told
from harness_telecom.records import (
    ACTIVE,
    AWAITING,
    DRAFT,
    PAID,
    PENDING,
    SUSPENDED,
    Bill,
    Line,
    LineItem,
)
from harness_telecom.state import Overlay

PAYMENT_DAYS = 14
"""How long after its issue a bill is due."""


def suspend_line(network: Overlay, customer_id: str, line_id: str, reason: str) -> dict[str, Json]:
    if network.line_of(customer_id, line_id)["status"] != ACTIVE:
        raise ToolError("Line must be active to suspend")
    line = network.writable_line(line_id)
    line["status"] = SUSPENDED
    line["suspension_start_date"] = network.database.today
    return _with_line("Line suspended successfully. $5/month holding fee will apply.", line)


def resume_line(network: Overlay, customer_id: str, line_id: str) -> dict[str, Json]:
    if network.line_of(customer_id, line_id)["status"] not in (SUSPENDED, PENDING):
        raise ToolError("Line must be suspended to resume")
    line = network.writable_line(line_id)
    line["status"] = ACTIVE
    line["suspension_start_date"] = None
    return _with_line("Line resumed successfully", line)


def send_payment_request(network: Overlay, customer_id: str, bill_id: str) -> str:
    customer = network.customer(customer_id)
    if network.awaiting_payment(customer) is not None:
        raise ToolError("A bill is already awaiting payment for this customer")
    if bill_id not in customer["bill_ids"]:
        raise ToolError(f"Bill {bill_id} not found for customer {customer_id}")
    if network.bill(bill_id)["status"] == PAID and not network.compat.bills_paid_twice:
        raise ToolError(f"Bill {bill_id} is already paid")
    network.writable_bill(bill_id)["status"] = AWAITING
    return f"Payment request sent to the customer for bill {bill_id}"


def enable_roaming(network: Overlay, customer_id: str, line_id: str) -> str:
    if network.line_of(customer_id, line_id)["roaming_enabled"]:
        return "Roaming was already enabled"
    network.writable_line(line_id)["roaming_enabled"] = True
    return "Roaming enabled successfully"


def disable_roaming(network: Overlay, customer_id: str, line_id: str) -> str:
    if not network.line_of(customer_id, line_id)["roaming_enabled"]:
        return "Roaming was already disabled"
    network.writable_line(line_id)["roaming_enabled"] = False
    return "Roaming disabled successfully"


def refuel_data(
    network: Overlay, customer_id: str, line_id: str, gb_amount: float
) -> dict[str, Json]:
    line = network.line_of(customer_id, line_id)
    if not network.compat.refuels_any_line:
        if line["status"] != ACTIVE:
            raise ToolError("Line must be active to refuel data")
        if not isfinite(gb_amount):
            raise ToolError("Refuel amount must be a number")
    if gb_amount <= 0:
        raise ToolError("Refuel amount must be positive")
    price = network.plan(line["plan_id"])["data_refueling_price_per_gb"]
    charge = gb_amount * price
    line = network.writable_line(line_id)
    line["data_refueling_gb"] += gb_amount
    _charge(network, customer_id, charge, f"Data refueling: {gb_amount} GB at ${price}/GB")
    return {
        "message": f"Successfully added {gb_amount} GB of data for line {line_id} "
        f"for ${charge:.2f}",
        "new_data_refueling_gb": told(network, line["data_refueling_gb"]),
        "charge": told(network, charge),
    }


def draft_id(customer_id: str, bills: int) -> str:
    """The id of the draft that a customer with so many bills gets."""
    return f"B{stable_id(customer_id, bills)[:8]}"


def add_item(network: Overlay, bill: Bill, description: str, amount: float) -> None:
    """Put something that was charged today on the bill; below 0 it is a credit."""
    kind = "Credit" if amount < 0 else "Charge"
    item = LineItem(
        description=description, amount=amount, date=network.database.today, item_type=kind
    )
    bill["line_items"].append(item)
    bill["total_due"] += amount


def new_bill(
    bill_id: str, customer_id: str, first: datetime.date, last: datetime.date, status: str
) -> Bill:
    """A bill of the days from first to last, issued on the first, with nothing on it."""
    return Bill(
        bill_id=bill_id,
        customer_id=customer_id,
        period_start=str(first),
        period_end=str(last),
        issue_date=str(first),
        total_due=0.0,
        due_date=str(first + datetime.timedelta(days=PAYMENT_DAYS)),
        line_items=[],
        status=status,
    )


def put_bill(network: Overlay, bill: Bill) -> None:
    """Give the customer of the bill one more."""
    network.put("bills", bill["bill_id"], bill)
    network.writable_customer(bill["customer_id"])["bill_ids"].append(bill["bill_id"])


def _charge(network: Overlay, customer_id: str, amount: float, description: str) -> None:
    """Put it on the customer's first draft; there is a new one if there is none."""
    bill_ids = network.customer(customer_id)["bill_ids"]
    drafts = (bill_id for bill_id in bill_ids if network.bill(bill_id)["status"] == DRAFT)
    found = next(drafts, None)
    if found is None:
        first = next_month(network)
        last = month_after(first) - datetime.timedelta(days=1)
        found = draft_id(customer_id, len(bill_ids))
        put_bill(network, new_bill(found, customer_id, first, last, DRAFT))
    add_item(network, network.writable_bill(found), description, amount)


def _with_line(message: str, line: Line) -> dict[str, Json]:
    return {"message": message, "line": cast(Json, line)}
