from dataclasses import replace

import pytest

from harness.discovery.families import (
    COMPLIANCE,
    COORDINATION,
    GROUNDING,
    HORIZON,
    OTHER,
    RECORDS,
    capability,
    family,
    pattern_capability,
    record_nouns,
    with_families,
)
from harness.types import ErrorPattern, Tool


def tool(name: str, kind: str, *arguments: str) -> Tool:
    properties = {argument: {"type": "string"} for argument in arguments}
    return Tool(
        name=name,
        description="",
        parameters={"type": "object", "properties": properties},  # type: ignore[dict-item]
        kind=kind,  # type: ignore[arg-type]
    )


SHOP = [
    tool("get_order_details", "read", "order_id"),
    tool("get_user_details", "read", "user_id"),
    tool("cancel_order", "write", "order_id", "reason"),
    tool("modify_user_address", "write", "user_id", "city"),
]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("wrong_order", "Multi-order reasoning"),
        ("wrong_item", "Item and argument selection"),
        ("wrong_payment_method", "Item and argument selection"),
        ("missing_confirmation", "Execution control"),
        ("repeated_call", "Execution control"),
        ("should_have_refused", "Policy judgement"),
        ("Mixed-up variant", "Item and argument selection"),
        ("ended early", "Execution control"),
        ("", OTHER),
        ("qwxz", OTHER),
    ],
)
def test_a_kind_has_a_family_known_or_not(kind: str, name: str) -> None:
    assert family(kind) == name


def test_records_are_what_a_look_up_shows_alone_and_a_write_changes_but_not_the_user() -> None:
    assert record_nouns(SHOP) == ["order"]


def test_other_domains_have_records_of_their_own() -> None:
    tools = [
        tool("get_reservation", "read", "reservation_id"),
        tool("cancel", "write", "reservation_id"),
    ]
    assert family("wrong_reservation", record_nouns(tools)) == "Multi-reservation reasoning"


def test_a_record_may_be_shown_by_its_id_and_that_of_the_user() -> None:
    tools = [
        tool("get_data_usage", "read", "customer_id", "line_id"),
        tool("suspend_line", "write", "customer_id", "line_id", "reason"),
        tool("get_bills", "read", "customer_id", "limit"),
        tool("close", "write", "customer_id"),
    ]
    assert record_nouns(tools) == ["line"]


def test_a_pattern_is_of_the_family_of_most_of_its_members() -> None:
    mixed = ErrorPattern(
        id="a", name="x", description="", members=("1",), share=1.0,
        kinds={"wrong_item": 1, "gave_up": 3, "missing_step": 2},
    )  # fmt: skip
    [found] = with_families([mixed], SHOP)
    assert found.family == "Execution control"


@pytest.mark.parametrize(
    ("kind", "lacks"),
    [
        ("wrong_variant", GROUNDING),
        ("invalid_call", GROUNDING),
        ("wrong_order", RECORDS),
        ("Missing step", HORIZON),
        ("should_have_refused", COMPLIANCE),
        ("missing-confirmation", COORDINATION),
        ("wrong_state", OTHER),
        ("qwxz", OTHER),
    ],
)
def test_a_kind_says_what_the_agent_lacks_in_any_domain(kind: str, lacks: str) -> None:
    assert capability(kind, ["order"]) == lacks


def test_what_the_user_was_to_do_is_a_matter_of_coordination() -> None:
    assert capability("missing_step", [], guided=True) == COORDINATION


def test_a_pattern_says_what_most_of_its_members_lack() -> None:
    mixed = ErrorPattern(
        id="a", name="x", description="", members=("1",), share=1.0,
        kinds={"wrong_line": 2, "not_said": 1, "wrong_amount": 1},
    )  # fmt: skip
    assert pattern_capability(mixed, ["line"]) == RECORDS
    assert pattern_capability(mixed, []) == GROUNDING
    assert pattern_capability(replace(mixed, kinds={}), []) == OTHER
