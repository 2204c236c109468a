"""Turn a name such as ``telecom/train/17`` into a small carrier: plans, customers, lines, bills."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

from harness.types import Json, Requestor, Split, ToolCall
from harness_taskkit.generated import split_of
from harness_taskkit.numbers import Numbers
from harness_taskkit.people import FIRST_NAMES, LAST_NAMES, make_address
from harness_telecom.records import (
    ACTIVE,
    PAID,
    Address,
    Bill,
    Customer,
    Device,
    Line,
    LineItem,
    PaymentMethod,
    Plan,
    new_phone,
    new_surroundings,
)
from harness_telecom.state import Network
from harness_telecom.tools import TelecomWorld

TODAY = "2025-02-25"
_CUSTOMERS = 24
_PLANS = (
    ("Basic", 5.0, 29.95),
    ("Standard", 10.0, 44.95),
    ("Plus", 15.0, 54.95),
    ("Max", 40.0, 79.95),
)
_PRICES_PER_GB = (2.0, 3.0, 4.0, 5.0)
MODELS: Mapping[str, tuple[str, ...]] = {
    "phone": ("Nova 12", "Orbit X", "Pebble 5"),
    "tablet": ("Slate 10", "Canvas Mini"),
    "router": ("HomeLink 4", "Beacon R2"),
    "watch": ("Pulse 3", "Tempo S"),
}
_PERIODS = (("2024-12-01", "2024-12-31", "2024-12-15"), ("2025-01-01", "2025-01-31", "2025-01-15"))


def database_name(split: Split, seed: int) -> str:
    return f"telecom/{split}/{seed}"


@lru_cache(maxsize=256)
def database(name: str) -> Network:
    """The carrier of that name: the same on every machine; other splits share none of its ids.

    All of its lines are active and all of its bills paid; its user is nobody. Raises
    ``ConfigError`` if the name is not ``telecom/SPLIT/SEED``.
    """
    return _Builder(name, split_of(name, "telecom")).build()


def network_of(world: Mapping[str, Json]) -> Network:
    """The carrier and the phone that a task starts with: its database after ``setup``.

    Raises ``ConfigError`` if there is no such database.
    """
    return _after(str(world["database"]), json.dumps(world.get("setup", [])))


def as_setup(calls: Sequence[ToolCall]) -> list[Json]:
    """Calls as a world keeps them."""
    return [[call.requestor, call.name, dict(call.arguments)] for call in calls]


@lru_cache(maxsize=512)
def _after(name: str, setup: str) -> Network:
    """The database after the calls, each of a requestor, a function and its arguments, as JSON."""
    network = database(name)
    world = TelecomWorld(network)
    calls: list[tuple[Requestor, str, dict[str, Json]]] = json.loads(setup)
    for requestor, function, arguments in calls:
        world.stage(ToolCall(name=function, arguments=arguments, requestor=requestor))
    records: Any = world.records()
    return replace(network, **records)


class _Builder:
    def __init__(self, name: str, split: Split) -> None:
        self.name = name
        self.split = split
        self.rng = random.Random(name)
        self.numbers = Numbers(split, self.rng)
        self.lines: dict[str, Line] = {}
        self.bills: dict[str, Bill] = {}
        self.devices: dict[str, Device] = {}

    def build(self) -> Network:
        plans = dict(map(self._plan, range(len(_PLANS))))
        names = self.rng.sample(
            [f"{first} {last}" for first in FIRST_NAMES for last in LAST_NAMES], _CUSTOMERS
        )
        customers = dict(self._customer(full_name, list(plans.values())) for full_name in names)
        return Network(
            name=self.name,
            split=self.split,
            today=TODAY,
            plans=plans,
            customers=customers,
            lines=self.lines,
            bills=self.bills,
            devices=self.devices,
            user={"device": new_phone(), "surroundings": new_surroundings()},
        )

    def _id(self, letter: str) -> str:
        return f"{letter}{self.numbers.fresh(5)}"

    def _number(self) -> str:
        digits = str(self.numbers.fresh(7))
        return f"555-{digits[:3]}-{digits[3:]}"

    def _plan(self, place: int) -> tuple[str, Plan]:
        name, limit, price = _PLANS[place]
        plan = Plan(
            plan_id=self._id("P"),
            name=f"{name} Plan",
            data_limit_gb=limit,
            price_per_month=price,
            data_refueling_price_per_gb=self.rng.choice(_PRICES_PER_GB),
        )
        return plan["plan_id"], plan

    def _customer(self, full_name: str, plans: Sequence[Plan]) -> tuple[str, Customer]:
        rng, key = self.rng, self._id("C")
        others = rng.sample(("tablet", "router", "watch"), rng.choice((0, 1, 1, 2)))
        lines = [self._line(kind, rng.choice(plans)) for kind in ("phone", *others)]
        due = round(sum(plan["price_per_month"] for _, plan in lines), 2)
        at = make_address(self.numbers, rng)
        customer = Customer(
            customer_id=key,
            full_name=full_name,
            date_of_birth=_day(rng, 1950, 2004),
            email=f"{full_name.lower().replace(' ', '.')}{self.numbers.fresh(3)}@example.com",
            phone_number=lines[0][0]["phone_number"],
            address=Address(
                street=at["address1"], city=at["city"], state=at["state"], zip_code=at["zip"]
            ),
            account_status="Active",
            payment_methods=[
                PaymentMethod(
                    method_type=rng.choice(("Credit Card", "Debit Card")),
                    account_number_last_4=f"{rng.randrange(10**4):04}",
                    expiration_date=f"{rng.randint(1, 12):02}/{rng.randint(2026, 2029)}",
                )
            ],
            line_ids=[line["line_id"] for line, _ in rng.sample(lines, len(lines))],
            bill_ids=[self._bill(key, due, *period) for period in _PERIODS],
            created_at=_day(rng, 2018, 2023),
            last_extension_date=None,
            goodwill_credit_used_this_year=0.0,
        )
        return key, customer

    def _line(self, kind: str, plan: Plan) -> tuple[Line, Plan]:
        rng = self.rng
        device = Device(
            device_id=self._id("D"),
            device_type=kind,
            model=rng.choice(MODELS[kind]),
            imei=str(self.numbers.fresh(15)),
            is_esim_capable=rng.random() < 0.5,
            activated=True,
            activation_date="2024-01-20 14:30:00",
            last_esim_transfer_date=None,
        )
        line = Line(
            line_id=self._id("L"),
            phone_number=self._number(),
            status=ACTIVE,
            plan_id=plan["plan_id"],
            device_id=device["device_id"],
            data_used_gb=round(plan["data_limit_gb"] * rng.uniform(0.1, 0.9), 1),
            data_refueling_gb=0.0,
            roaming_enabled=rng.random() < 0.5,
            contract_end_date=f"{rng.randint(2026, 2027)}-{rng.randint(1, 12):02}-28",
            last_plan_change_date=None,
            last_sim_replacement_date=None,
            suspension_start_date=None,
        )
        self.devices[device["device_id"]] = device
        self.lines[line["line_id"]] = line
        return line, plan

    def _bill(self, customer_id: str, due: float, first: str, last: str, due_date: str) -> str:
        item = LineItem(description="Monthly charges", amount=due, date=first, item_type="Charge")
        bill = Bill(
            bill_id=self._id("B"),
            customer_id=customer_id,
            period_start=first,
            period_end=last,
            issue_date=first,
            total_due=due,
            due_date=due_date,
            line_items=[item],
            status=PAID,
        )
        self.bills[bill["bill_id"]] = bill
        return bill["bill_id"]


def _day(rng: random.Random, first: int, last: int) -> str:
    """A day in one of the years."""
    return f"{rng.randint(first, last)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def new_bill_id(network: Network, rng: random.Random) -> str:
    """An id that no bill of the carrier has; those of two splits are never the same."""
    numbers = Numbers(network.split, rng)
    while (key := f"B{numbers.fresh(5)}") in network.bills:
        pass
    return key


def line_arguments(network: Network, line_id: str) -> dict[str, Json]:
    """The arguments that name a line: its customer and itself."""
    found = (c for c in network.customers.values() if line_id in c["line_ids"])
    return {"customer_id": next(found)["customer_id"], "line_id": line_id}


def details(network: Network, line_id: str) -> tuple[Line, Plan, Device]:
    """A line, its plan and its device, before the conversation."""
    line = network.lines[line_id]
    device = network.devices[cast(str, line["device_id"])]
    return line, network.plans[line["plan_id"]], device
