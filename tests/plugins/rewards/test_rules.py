"""Terms about rules of conduct, by what the domain says of its tools."""

from collections.abc import Sequence

import pytest

from harness.protocols import Settings
from harness.types import Message, ToolCall
from harness_rewards import harness_reward_terms
from tests.plugins.rewards.talks import (
    CANCEL,
    FAILED,
    LOOK,
    Shop,
    call,
    made,
    talk,
    task,
    tool,
    value,
)

FIND = call("find_user", email="a@b.c")
ADDRESS = call("change_address", order_id="#W1", city="Rome")


def exchange(*items: str, order: str = "#W1") -> ToolCall:
    return call("exchange_items", order_id=order, item_ids=list(items))


@pytest.mark.parametrize(
    ("before", "cost"),
    [
        (made(FIND), 0),
        ([], -1),
        (made(FIND, failed=True), -1),
        ([*made(FIND, failed=True), *made(FIND)], 0),
        ([*made(LOOK), *made(FIND)], -0.5),
    ],
)
def test_private_records_are_for_users_who_are_known(before: list[Message], cost: float) -> None:
    assert value("unidentified_access", talk(*before, *made(LOOK, CANCEL))) == cost


def test_where_nothing_tells_who_a_user_is_nothing_is_asked_for() -> None:
    class Open(Shop):
        tools = (tool("get_order", "read", private=True),)

    term = harness_reward_terms()["unidentified_access"](Settings(domain=Open()))
    assert term(talk(*made(LOOK)), FAILED, task()).value == 0


@pytest.mark.parametrize(
    ("calls", "cost"),
    [
        ([exchange("1", "2")], 0),
        ([exchange("2", "1")], 0),
        ([exchange("1")], -0.5),
        ([exchange("1"), exchange("2")], -1),
        ([exchange("3")], 0),
        ([exchange("1", order="#W2")], 0),
        ([exchange("1", "2"), exchange("1", order="#W2")], 0),
    ],
)
def test_a_record_that_can_be_changed_once_is_changed_whole(
    calls: Sequence[ToolCall], cost: float
) -> None:
    assert value("split_writes", talk(*made(*calls)), task(exchange("1", "2"))) == cost


def test_a_second_try_at_a_closed_record_counts_though_it_fails() -> None:
    tried = talk(*made(exchange("1", "2")), *made(exchange("3"), failed=True))
    assert value("split_writes", tried, task(exchange("1", "2"))) == -0.5


def test_what_closes_a_record_comes_last() -> None:
    wanted = task(ADDRESS, exchange("1"))
    assert value("late_writes", talk(*made(ADDRESS, exchange("1"))), wanted) == 0
    assert value("late_writes", talk(*made(exchange("1"), ADDRESS)), wanted) == -0.5
    elsewhere = exchange("1", order="#W2")
    assert value("late_writes", talk(*made(elsewhere, ADDRESS)), wanted) == 0


def test_what_was_never_wanted_is_not_late() -> None:
    assert value("late_writes", talk(*made(exchange("1"), ADDRESS)), task(exchange("1"))) == 0
