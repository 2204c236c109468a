"""The switches: what each of them turns on, and that the domain obeys them throughout."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.evaluation.scoring import gold_changes
from harness.protocols import Settings
from harness.types import Json, Recipe, ToolCall, ToolResult
from harness_retail import harness_domains
from harness_retail.compat import FIXED, TAU2, Compat
from harness_retail.domain import RetailDomain
from harness_retail.records import Order, Payment
from harness_retail.state import Database
from harness_retail.tools import RetailWorld
from harness_taskkit.switches import with_switches

DOCS = Path(__file__).parents[3] / "docs" / "retail.md"
SWITCHES = [field.name for field in fields(Compat)]
ADDRESS: dict[str, Json] = {
    name: "x" for name in ("address1", "address2", "city", "state", "country", "zip")
}


def call(name: str, **arguments: Json) -> ToolCall:
    return ToolCall(name=name, arguments=arguments)


def swap(tool: str, order_id: str, old: Sequence[str], new: Sequence[str]) -> ToolCall:
    return call(
        tool,
        order_id=order_id,
        item_ids=list(old),
        new_item_ids=list(new),
        payment_method_id="paypal_2",
    )


def modify(old: Sequence[str], new: Sequence[str]) -> ToolCall:
    return swap("modify_pending_order_items", "#W1", old, new)


def entry(kind: str, amount: float, method_id: str) -> dict[str, Json]:
    return {"transaction_type": kind, "amount": amount, "payment_method_id": method_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Calls, and what is seen after them with the switch on and off."""

    switch: str
    calls: tuple[ToolCall, ...]
    on: dict[str, Json]
    off: dict[str, Json]


CASES = (
    Case(
        switch="last_variant",
        calls=(modify(["11", "12"], ["13", "15"]),),
        on={
            "orders/#W1/items/0/item_id": "13",
            "orders/#W1/items/0/price": 5.0,
            "orders/#W1/items/0/options/color": "white",
        },
        off={
            "orders/#W1/items/0/item_id": "13",
            "orders/#W1/items/0/price": 12.5,
            "orders/#W1/items/0/options/color": "green",
        },
    ),
    Case(
        switch="last_variant",
        calls=(modify(["11", "12"], ["12", "13"]),),
        on={"orders/#W1/items/0/item_id": "13", "orders/#W1/items/1/item_id": None},
        off={"orders/#W1/items/0/item_id": "12", "orders/#W1/items/1/item_id": "13"},
    ),
    Case(
        switch="empty_items",
        calls=(swap("exchange_delivered_order_items", "#W2", [], []),),
        on={"orders/#W2/status": "exchange requested", "orders/#W2/exchange_items": []},
        off={"answer": "Error: item_ids is empty: name the items, one id for each piece"},
    ),
    Case(
        switch="untyped_arguments",
        calls=(
            replace(
                modify([], ["13"]), arguments={**modify([], ["13"]).arguments, "item_ids": "11"}
            ),
        ),
        on={"answer": "Error: 1 not found"},
        off={"answer": "Error: item_ids should be a list of strings, found a string"},
    ),
    Case(
        switch="reserved_arguments",
        calls=(call("get_user_details", user_id="ada_reed_1000", self="x"),),
        on={
            "answer": "Error: Environment.make_tool_call() got multiple values for argument 'self'"
        },
        off={
            "answer": "Error: RetailTools.get_user_details() got an unexpected keyword argument "
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
        switch="unrounded_amounts",
        calls=(modify(["11"], ["16"]),),
        on={"orders/#W1/payment_history/1": entry("payment", 10.1 - 10.0, "paypal_2")},
        off={"orders/#W1/payment_history/1": entry("payment", 0.1, "paypal_2")},
    ),
    Case(
        switch="zero_refunds",
        calls=(modify(["11"], ["17"]),),
        on={"orders/#W1/payment_history/1": entry("refund", 0.0, "paypal_2")},
        off={"orders/#W1/payment_history/1": None},
    ),
    Case(
        switch="repeated_refunds",
        calls=(
            call("modify_pending_order_payment", order_id="#W1", payment_method_id="paypal_2"),
            call("cancel_pending_order", order_id="#W1", reason="no longer needed"),
        ),
        on={
            "orders/#W1/payment_history/3": entry("refund", 30.0, "credit_card_1"),
            "orders/#W1/payment_history/4": entry("refund", 30.0, "paypal_2"),
            "orders/#W1/payment_history/5": entry("refund", 30.0, "credit_card_1"),
        },
        off={
            "orders/#W1/payment_history/3": entry("refund", 30.0, "paypal_2"),
            "orders/#W1/payment_history/4": None,
        },
    ),
    Case(
        switch="changes_after_modification",
        calls=(
            modify(["11"], ["13"]),
            call("modify_pending_order_address", order_id="#W1", **ADDRESS),
        ),
        on={"orders/#W1/address/city": "x"},
        off={"answer": "Error: Non-pending order cannot be modified"},
    ),
    Case(
        switch="same_item_exchange",
        calls=(swap("exchange_delivered_order_items", "#W2", ["11"], ["11"]),),
        on={"orders/#W2/status": "exchange requested"},
        off={"answer": "Error: The new item id should be different from the old item id"},
    ),
    Case(
        switch="silent_transfer",
        calls=(call("transfer_to_human_agents", summary="an invoice"),),
        on={"answer": "Transfer successful", "transferred": None},
        off={"answer": "Transfer successful", "transferred": True},
    ),
    Case(
        switch="item_details",
        calls=(call("get_item_details", item_id="99"),),
        on={"answer": "Error: Item not found"},
        off={"answer": "Error: Tool 'get_item_details' not found."},
    ),
)


def seen(world: RetailWorld, calls: Sequence[ToolCall]) -> dict[str, Json]:
    answer = [world.call(one).content for one in calls][-1]
    return {"answer": answer} | {"/".join(c.path): c.after for c in world.changes()}


@pytest.mark.parametrize("case", CASES, ids=[case.switch for case in CASES])
@pytest.mark.parametrize("rest", [FIXED, TAU2], ids=["others as meant", "others as in tau2"])
def test_a_switch_turns_its_own_difference_on_and_off(
    tiny: Database, case: Case, rest: Compat
) -> None:
    for setting, expected in ((True, case.on), (False, case.off)):
        compat = replace(rest, **{case.switch: setting})
        found = seen(RetailWorld(tiny, compat), case.calls)
        assert {key: found.get(key) for key in expected} == expected


def test_each_switch_has_a_case_and_is_set_as_upstream_in_tau2() -> None:
    assert {case.switch for case in CASES} == set(SWITCHES)
    assert all(getattr(FIXED, name) != getattr(TAU2, name) for name in SWITCHES)


def test_a_wrong_address_is_refused_in_pydantics_words_in_tau2(tiny: Database) -> None:
    world = RetailWorld(tiny, TAU2)
    arguments: dict[str, Json] = {**ADDRESS, "zip": 80200, "city": None}
    result = world.call(call("modify_user_address", user_id="ada_reed_1000", **arguments))
    assert result.is_error
    assert result.content.startswith(
        "Error: 2 validation errors for UserAddress\n"
        "city\n  Input should be a valid string [type=string_type, input_value=None"
    )
    assert world.changes() == ()


@pytest.mark.parametrize("compat", [FIXED, TAU2], ids=["fixed", "tau2"])
@pytest.mark.parametrize(
    "write",
    [
        call("cancel_pending_order", order_id="#W1", reason="no longer needed"),
        call("modify_pending_order_payment", order_id="#W1", payment_method_id="gift_card_3"),
    ],
    ids=lambda write: write.name,
)
def test_an_order_paid_by_a_method_that_is_gone_is_refused_without_a_trace(
    tiny: Database, compat: Compat, write: ToolCall
) -> None:
    history = [Payment(transaction_type="payment", amount=5.0, payment_method_id="paypal_9")]
    order = Order(**{**tiny.orders["#W1"], "payment_history": history})  # type: ignore[typeddict-item]
    world = RetailWorld(replace(tiny, orders={"#W1": order}), compat)
    result = world.call(write)
    assert result == ToolResult(content="Error: Payment method not found", is_error=True)
    assert world.changes() == ()


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("2 ** 10 // 3", "341.0"),
        ("10 ** 400 / 10 ** 399", "10.0"),
        ("9 ** 9 ** 3", "Error: int too large to convert to float"),
        ("9 ** 9 ** 9", "Error: Exponent too large"),
        ("7 ** 999 ** 2 * 7 ** 999 ** 2 * 7", "Error: Exponent too large"),
        ("2 ** 999999 * 2 ** 999999", "Error: Number too large"),
        ("1 ** 99999999999", "1.0"),
        ("2 ** -99999999999", "0.0"),
    ],
)
def test_arithmetic_as_in_python_stops_only_where_python_would_hardly_finish(
    tiny: Database, expression: str, answer: str
) -> None:
    result = RetailWorld(tiny, TAU2).call(call("calculate", expression=expression))
    assert result.content == answer


# --- the domain ----------------------------------------------------------------------------------


def domain(**options: Json) -> RetailDomain:
    made = harness_domains()["retail"](Settings(options=options))
    assert isinstance(made, RetailDomain)
    return made


def test_the_options_choose_the_switches() -> None:
    assert domain().compat == FIXED
    assert domain(compat="tau2").compat == TAU2
    chosen = domain(compat="tau2", switches={"item_details": True, "empty_items": False})
    assert chosen.compat == replace(TAU2, item_details=True, empty_items=False)
    assert domain(switches={"zero_refunds": True}).compat == Compat(zero_refunds=True)


def test_an_unknown_switch_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="'empty_item'") as raised:
        domain(switches={"empty_item": True})
    assert "'empty_items'" in raised.value.hint
    with pytest.raises(ConfigError) as raised:
        with_switches(FIXED, {"xyz": True}, "retail")
    assert all(name in raised.value.hint for name in SWITCHES)


@pytest.mark.parametrize("options", [{"compat": "tau3"}, {"switches": {"item_details": "maybe"}}])
def test_a_value_that_is_no_setting_is_refused(options: dict[str, Json]) -> None:
    with pytest.raises(ConfigError):
        domain(**options)


def test_without_item_details_the_tool_is_not_on_offer() -> None:
    assert len(domain().tools) == len(domain(compat="tau2").tools) + 1
    assert "get_item_details" not in {tool.name for tool in domain(compat="tau2").tools}


def test_results_under_other_switches_are_of_another_data_version() -> None:
    assert RetailDomain().data_version == RetailDomain(FIXED).data_version
    assert len({RetailDomain(compat).data_version for compat in (FIXED, TAU2)}) == 2


def test_generation_solver_worlds_and_grades_share_the_switches() -> None:
    tau2 = domain(compat="tau2")
    tasks = list(itertools.islice(tau2.generate(3, Recipe(required=("transfer",))), 5))
    assert len(tasks) == 5
    for task in tasks:
        assert tau2.solve(task) is not None
        world = tau2.open(task)
        for one in task.gold:
            world.call(one)
        assert world.changes() == gold_changes(tau2, task)
        assert not any(change.path == ("transferred",) for change in world.changes())
        assert any(change.path == ("transferred",) for change in gold_changes(domain(), task))


# --- the documentation ---------------------------------------------------------------------------


def test_the_documentation_has_one_full_row_for_each_switch() -> None:
    rows = re.findall(r"^\| `(\w+)` \|(.+)\|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name, _ in rows] == SWITCHES
    for _, row in rows:
        cells = [cell.strip() for cell in row.split(" | ")]
        assert len(cells) == 3
        assert all(cells)
