"""The agent's tools that change nothing: each turns its arguments into records or text."""

from __future__ import annotations

import datetime
from typing import Any

from harness.types import Json
from harness_taskkit.state import ToolError
from harness_taskkit.toolbox import transfer_to_human_agents as transfer_to_human_agents
from harness_telecom.records import Bill, Customer
from harness_telecom.state import Overlay


def get_customer_by_phone(network: Overlay, phone_number: str) -> Customer:
    return network.customer_by_phone(phone_number)


def get_customer_by_id(network: Overlay, customer_id: str) -> Customer:
    return network.customer(customer_id)


def get_customer_by_name(network: Overlay, full_name: str, dob: str) -> list[Customer]:
    return [
        customer
        for customer in map(network.customer, network.database.customers)
        if customer["full_name"].lower() == full_name.lower() and customer["date_of_birth"] == dob
    ]


def get_details_by_id(network: Overlay, id: str) -> Any:
    for letter, record in (
        ("L", network.line),
        ("D", network.device),
        ("B", network.bill),
        ("C", network.customer),
        ("P", network.plan),
    ):
        if id.startswith(letter):
            return record(id)
    raise ToolError(f"Unknown ID format or type: {id}")


def get_bills_for_customer(network: Overlay, customer_id: str, limit: int = 12) -> list[Bill]:
    """The newest first."""
    bills = [network.bill(bill_id) for bill_id in network.customer(customer_id)["bill_ids"]]
    return sorted(bills, key=lambda bill: bill["issue_date"], reverse=True)[:limit]


def get_data_usage(network: Overlay, customer_id: str, line_id: str) -> dict[str, Json]:
    line = network.line_of(customer_id, line_id)
    limit = network.plan(line["plan_id"])["data_limit_gb"]
    return {
        "line_id": line_id,
        "data_used_gb": told(network, line["data_used_gb"]),
        "data_limit_gb": told(network, limit),
        "data_refueling_gb": told(network, line["data_refueling_gb"]),
        "cycle_end_date": str(next_month(network) - datetime.timedelta(days=1)),
    }


def told(network: Overlay, number: float) -> Json:
    """The number as the agent gets to read it."""
    return str(number) if network.compat.numbers_as_text else number


def next_month(network: Overlay) -> datetime.date:
    """The first day of the month after today's."""
    return month_after(datetime.date.fromisoformat(network.database.today))


def month_after(day: datetime.date) -> datetime.date:
    """The first day of the month after that of ``day``."""
    return (day.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)
