"""The switches: what each of them turns on, and that the documentation has them all."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.types import Json, ToolCall
from harness_airline.compat import FIXED, TAU2, Compat
from harness_airline.state import Airline
from harness_airline.tools import AirlineWorld
from harness_taskkit.switches import with_switches
from tests.domains.airline.calls import CANCEL, TWO, USER, book, call, change, paid

DOCS = Path(__file__).parents[3] / "docs" / "airline.md"
SWITCHES = [field.name for field in fields(Compat)]
SEATS = "flights/{}/dates/2024-05-20/available_seats/{}"
HISTORY = "reservations/AAAAAA/payment_history/{}"


REFUND = {"payment_id": "credit_card_1", "amount": -180}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Calls, and what is seen after them with the switch on and off."""

    switch: str
    calls: tuple[ToolCall, ...]
    on: dict[str, Json]
    off: dict[str, Json]


CASES = (
    Case(
        switch="untyped_arguments",
        calls=(call("send_certificate", user_id=USER, amount="50"),),
        on={
            "answer": f"Certificate certificate_3221322 added to user {USER} with amount 50.",
            f"users/{USER}/payment_methods/certificate_3221322": {
                "source": "certificate", "id": "certificate_3221322", "amount": 50.0,
            },
        },
        off={"answer": "Error: amount should be an integer, found a string"},
    ),
    Case(
        switch="untyped_arguments",
        calls=(book(flights=[{"flight_number": "HAT001"}]),),
        on={"answer": "Error: 1 validation error for FlightInfo"},
        off={"answer": "Error: each of flights needs flight_number, date; found no date"},
    ),
    Case(
        switch="untyped_arguments",
        calls=(book(cabin="first"),),
        on={"answer": "Error: 1 validation error for Reservation"},
        off={
            "answer": "Error: cabin should be one of business, economy, basic_economy; "
            "found 'first'"
        },
    ),
    Case(
        switch="reserved_arguments",
        calls=(call("get_user_details", user_id=USER, self="x"),),
        on={
            "answer": "Error: Environment.make_tool_call() got multiple values for argument 'self'"
        },
        off={
            "answer": "Error: AirlineTools.get_user_details() got an unexpected keyword argument "
            "'self'"
        },
    ),
    Case(
        switch="python_arithmetic",
        calls=(call("calculate", expression="7(1)"),),
        on={"answer": "Error: 'int' object is not callable"},
        off={"answer": "Error: Invalid expression"},
    ),
    Case(
        switch="silent_transfer",
        calls=(call("transfer_to_human_agents", summary="x"),),
        on={"answer": "Transfer successful"},
        off={"answer": "Transfer successful", "transferred": True},
    ),
    Case(
        switch="unlisted_next_day",
        calls=(
            call("search_onestop_flight", origin="AAA", destination="CCC", date="2024-05-05"),
        ),
        on={"answer": "HAT001 HAT002"},
        off={"answer": "HAT001 HAT002, HAT003 HAT002, HAT003 HAT004"},
    ),
    Case(
        switch="unlisted_next_day",
        calls=(
            call("search_onestop_flight", origin="AAA", destination="CCC", date="2024-05-31"),
        ),
        on={"answer": "HAT001 HAT002"},
        off={"answer": "HAT001 HAT002, HAT003 HAT002, HAT003 HAT004"},
    ),
    Case(
        switch="fixed_seats",
        calls=(change("business", "HAT003"),),
        on={},
        off={
            SEATS.format("HAT001", "economy"): 4,
            SEATS.format("HAT003", "business"): 0,
        },
    ),
    Case(
        switch="fixed_seats",
        calls=(CANCEL,),
        on={HISTORY.format(1): REFUND},
        off={HISTORY.format(1): REFUND, SEATS.format("HAT001", "economy"): 4},
    ),
    Case(
        switch="repeated_methods",
        calls=(
            book(payment_methods=paid(("gift_card_2", 100), ("gift_card_2", 100)), passengers=TWO),
        ),
        on={f"users/{USER}/payment_methods/gift_card_2/amount": -80.0},
        off={"answer": "Error: Payment method gift_card_2 is named twice"},
    ),
    Case(
        switch="repeated_methods",
        calls=(book(payment_methods=paid(("certificate_3", 50), ("certificate_3", 50))),),
        on={
            "answer": "Error: 'certificate_3'",
            f"users/{USER}/payment_methods/certificate_3": None,
        },
        off={"answer": "Error: Payment method certificate_3 is named twice"},
    ),
    Case(
        switch="repeated_flights",
        calls=(change("basic_economy", "HAT003", "HAT003"),),
        on={"reservations/AAAAAA/flights/0/price": 50},
        off={"answer": "Error: flights lists HAT003 on 2024-05-20 twice"},
    ),
    Case(
        switch="negative_numbers",
        calls=(call("send_certificate", user_id=USER, amount=-50),),
        on={"answer": f"Certificate certificate_3221322 added to user {USER} with amount -50."},
        off={"answer": "Error: amount should not be below 0, found -50"},
    ),
    Case(
        switch="negative_numbers",
        calls=(book(payment_methods=paid(("credit_card_1", 150), ("gift_card_2", -50))),),
        on={f"users/{USER}/payment_methods/gift_card_2/amount": 170.0},
        off={"answer": "Error: amount in payment_methods should not be below 0, found -50"},
    ),
    Case(
        switch="empty_lists",
        calls=(change("economy"),),
        on={HISTORY.format(1): REFUND, "reservations/AAAAAA/flights/0": None},
        off={"answer": "Error: flights is empty: list at least one"},
    ),
    Case(
        switch="changes_after_cancellation",
        calls=(CANCEL, CANCEL),
        on={HISTORY.format(2): REFUND},
        off={"answer": "Error: Reservation AAAAAA is cancelled", HISTORY.format(1): REFUND},
    ),
)  # fmt: skip


def seen(airline: Airline, compat: Compat, case: Case) -> dict[str, Json]:
    """What the case looks at: the first line of the last answer, or the flights that a search
    found, and the changes by path."""
    world = AirlineWorld(airline, compat)
    content = [world.call(one).content for one in case.calls][-1]
    if case.switch == "unlisted_next_day":
        numbers = re.findall(r'"flight_number": "(\w+)"', content)
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        content = ", ".join(f"{one} {other}" for one, other in pairs)
    found: dict[str, Json] = {"/".join(c.path): c.after for c in world.changes()}
    return {**found, "answer": content.partition("\n")[0]}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.switch)
@pytest.mark.parametrize("start", [FIXED, TAU2], ids=["fixed", "tau2"])
def test_each_switch_turns_one_behaviour_on(tiny: Airline, case: Case, start: Compat) -> None:
    for on, wanted in ((True, case.on), (False, case.off)):
        found = seen(tiny, replace(start, **{case.switch: on}), case)
        assert {path: found.get(path, "unchanged") for path in wanted} == wanted
    both = [seen(tiny, replace(start, **{case.switch: on}), case) for on in (True, False)]
    assert both[0] != both[1]


def test_each_switch_has_a_case() -> None:
    assert {case.switch for case in CASES} == set(SWITCHES)


def test_an_unknown_switch_names_the_nearest() -> None:
    assert with_switches(TAU2, {"fixed_seats": False}, "airline") == replace(
        TAU2, fixed_seats=False
    )
    with pytest.raises(ConfigError, match="'fixed_seat' among the airline tools") as raised:
        with_switches(FIXED, {"fixed_seat": True}, "airline")
    assert "'fixed_seats'" in raised.value.hint


def test_the_documentation_has_one_full_row_for_each_switch() -> None:
    rows = re.findall(r"^\| `(\w+)` \|(.+)\|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name, _ in rows] == SWITCHES
    for _, row in rows:
        cells = [cell.strip() for cell in row.split(" | ")]
        assert len(cells) == 3
        assert all(cells)
