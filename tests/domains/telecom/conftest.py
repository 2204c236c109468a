"""A carrier small enough to know by heart: one customer, two lines, one bill, one phone."""

from __future__ import annotations

import pytest

from harness.types import Json, Requestor, ToolCall, ToolResult
from harness_telecom.compat import FIXED, Compat
from harness_telecom.records import (
    Address,
    Bill,
    Customer,
    Line,
    Plan,
    new_phone,
    new_surroundings,
)
from harness_telecom.state import Network
from harness_telecom.tools import TelecomWorld

NUMBER = "555-100-0001"


def line(line_id: str, number: str, **values: object) -> Line:
    usual: dict[str, object] = {
        "line_id": line_id,
        "phone_number": number,
        "status": "Active",
        "plan_id": "P1",
        "device_id": None,
        "data_used_gb": 1.0,
        "data_refueling_gb": 0.0,
        "roaming_enabled": False,
        "contract_end_date": None,
        "last_plan_change_date": None,
        "last_sim_replacement_date": None,
        "suspension_start_date": None,
    }
    return {**usual, **values}  # type: ignore[typeddict-item]


def small_network() -> Network:
    ada = Customer(
        customer_id="C1",
        full_name="Ada Reed",
        date_of_birth="1990-01-01",
        email="ada@example.com",
        phone_number="555-100-0000",
        address=Address(street="1 Oak Lane", city="Austin", state="TX", zip_code="78700"),
        account_status="Active",
        payment_methods=[],
        line_ids=["L1", "L2"],
        bill_ids=["B1"],
        created_at="2025-01-01",
        last_extension_date=None,
        goodwill_credit_used_this_year=0.0,
    )
    bill = Bill(
        bill_id="B1",
        customer_id="C1",
        period_start="2025-01-01",
        period_end="2025-01-31",
        issue_date="2025-01-01",
        total_due=30.0,
        due_date="2025-01-15",
        line_items=[],
        status="Overdue",
    )
    plan = Plan(
        plan_id="P1",
        name="Plain",
        data_limit_gb=5.0,
        price_per_month=30.0,
        data_refueling_price_per_gb=2.0,
    )
    return Network(
        name="telecom/test/0",
        split="test",
        today="2025-02-25",
        plans={"P1": plan},
        customers={"C1": ada},
        lines={"L1": line("L1", NUMBER), "L2": line("L2", "555-100-0002", status="Suspended")},
        bills={"B1": bill},
        devices={},
        user={
            "device": new_phone(),
            "surroundings": {**new_surroundings(), "name": "Ada Reed", "phone_number": NUMBER},
        },
    )


class Caller:
    """Makes calls of either side in one world."""

    def __init__(self, compat: Compat = FIXED, *, solo: bool = False) -> None:
        self.world = TelecomWorld(small_network(), compat, solo=solo)

    def agent(self, name: str, **arguments: Json) -> ToolResult:
        return self._call("agent", name, arguments)

    def user(self, name: str, **arguments: Json) -> ToolResult:
        return self._call("user", name, arguments)

    def stage(self, requestor: Requestor, name: str, **arguments: Json) -> object:
        return self.world.stage(ToolCall(name=name, arguments=arguments, requestor=requestor))

    def _call(self, requestor: Requestor, name: str, arguments: dict[str, Json]) -> ToolResult:
        return self.world.call(ToolCall(name=name, arguments=arguments, requestor=requestor))


@pytest.fixture
def caller() -> Caller:
    return Caller()
