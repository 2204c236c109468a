"""Official tasks become ours, with requests that a scripted user can play."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness.llm.roles import open_registry
from harness.protocols import Conversation, Settings, UserTurn
from harness.types import Task
from harness.types.messages import Message
from harness_retail.compat import TAU2
from harness_retail.official import telling
from harness_retail.tools import TOOLS, RetailWorld
from harness_tau2.engine import Engine
from harness_tau2.tasks import official_task, problems, task_from_official
from harness_tau2.wire import Misfit
from tests.domains.tau2.shelf import (
    CANCEL,
    DELIVERED,
    FAILING,
    LOOK_UP,
    PENDING,
    SHOP,
    TRANSFER,
    official,
)

NAMES = [tool.name for tool in TOOLS]
OPENED = Engine(SHOP, TAU2, RetailWorld)


def made(raw: dict[str, Any]) -> Task:
    return task_from_official(raw, split="test", domain="tau2-retail", telling=telling(OPENED))


def test_nothing_of_the_official_task_is_lost() -> None:
    raw = official(reward_basis=["DB"]) | {"issues": [1], "annotations": {"x": None}}
    assert official_task(made(raw)) == raw


def test_the_scenario_is_in_prose() -> None:
    scenario = made(official()).scenario
    assert scenario.reason == "You want to cancel an order."
    assert scenario.known == "You are Ada, ada@example.com."
    assert scenario.unknown == "You do not know your user id."
    assert scenario.instructions == "Be brief."
    assert scenario.persona == ""


def test_instructions_may_be_plain_text() -> None:
    raw = official() | {"user_scenario": {"instructions": "Cancel it."}}
    assert made(raw).scenario.reason == "Cancel it."


def test_what_must_be_said_counts_where_the_basis_has_it() -> None:
    assert made(official(communicate_info=["7"])).communicate == ("7",)
    assert made(official(communicate_info=["7"], reward_basis=["DB"])).communicate == ()


def test_each_gold_write_is_a_request_and_the_first_opens_with_the_reason() -> None:
    twice = {**CANCEL, "arguments": {"order_id": "#W9", "reason": "ordered by mistake"}}
    requests = task_from_official(
        official(actions=[LOOK_UP, CANCEL, twice]), split="test", domain="tau2-retail"
    ).scenario.requests
    assert [request.want.arguments["order_id"] for request in requests if request.want] == [
        PENDING["order_id"],
        "#W9",
    ]
    assert requests[0].says == ("You want to cancel an order.",)


def test_the_writes_of_a_domain_that_is_not_installed_are_told_by_their_names() -> None:
    search = {"name": "search_direct_flight", "arguments": {"origin": "JFK"}}
    booked = {"reservation_id": "ABC", "flights": [{"number": "HAT1"}], "total": 2}
    update = {"name": "update_reservation_flights", "arguments": booked}
    ring = {"name": "toggle_data", "arguments": {}, "requestor": "user"}
    raw = official(actions=[search, update, ring])
    (request,) = task_from_official(raw, split="test", domain="tau2-airline").scenario.requests
    assert request.kind == "update_reservation_flights"
    assert request.verbs == ("modify", "change", "update")
    assert [fact.says for fact in request.facts] == [
        ("It is reservation ABC.",),
        ("It is flight HAT1.",),
        ("It is total 2.",),
    ]


def test_a_gold_write_that_fails_is_a_wish_to_be_refused() -> None:
    (request,) = made(official(actions=[FAILING])).scenario.requests
    assert (request.want, request.outcome) == (None, "refused")


def test_a_task_without_writes_is_a_refusal_or_a_question() -> None:
    (refused,) = made(official(actions=[])).scenario.requests
    (asked,) = made(official(actions=[], communicate_info=["7"])).scenario.requests
    assert (refused.outcome, asked.outcome) == ("refused", "done")


def test_a_transfer_is_the_last_request() -> None:
    requests = made(official(actions=[TRANSFER, CANCEL])).scenario.requests
    assert [request.outcome for request in requests] == ["done", "transferred"]


def reply(task: Task, *said: str) -> UserTurn:
    """What the scripted user answers to the last of the agent's messages."""
    user = open_registry().make("user simulator", "scripted", Settings())
    domain = open_registry().make("domain", "retail", Settings())
    messages: list[Message] = []
    for text in ("Hi!", *said):
        messages += [Message(role="assistant", content=text), Message(role="user", content="…")]
    talk = Conversation(id="c", domain=domain, task=task, messages=tuple(messages[:-1]))
    return asyncio.run(user.reply(task, talk, seed=0))


def test_the_scripted_user_agrees_to_what_the_gold_write_does() -> None:
    order = PENDING["order_id"]
    offer = f"cancel pending order: order {order}, reason no longer needed. Shall I proceed?"
    assert reply(made(official()), offer).message.content.startswith("Yes")


def test_the_scripted_user_rejects_another_order_of_the_same_customer() -> None:
    one, other = next(
        (key, next(other for other in user["orders"] if other != key))
        for user in SHOP.users.values()
        for key in user["orders"]
        if SHOP.orders[key]["status"] == "pending" and len(user["orders"]) > 1
    )
    gold = {**CANCEL, "arguments": {"order_id": one, "reason": "no longer needed"}}
    offer = f"cancel pending order: order {other}, reason no longer needed. Shall I proceed?"
    answer = reply(made(official(actions=[gold])), offer).message.content
    assert answer.startswith("No")
    assert one in answer


def test_problems_are_told_and_the_task_is_kept() -> None:
    unknown = {**CANCEL, "name": "fly"}
    raw = official(actions=[unknown], reward_basis=["DB", "STYLE"])
    told = " ".join(problems(raw, NAMES))
    assert "'fly'" in told
    assert "'STYLE'" in told
    assert [call.name for call in made(raw).gold] == ["fly"]


def test_a_sound_task_has_no_problems_and_a_damaged_one_names_the_place() -> None:
    assert problems(official(), NAMES) == ()
    assert "communicate_info[0]" in problems(official(communicate_info=[7]), NAMES)[0]


def test_a_task_that_starts_in_a_conversation_wants_its_effects_too() -> None:
    call = {"id": "1", "name": CANCEL["name"], "arguments": CANCEL["arguments"]}
    history = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "id": "1"}]
    raw = official(actions=[]) | {"initial_state": {"message_history": history}}
    assert [call.name for call in made(raw).gold] == [CANCEL["name"]]
    assert "conversation" in problems(raw, NAMES)[0]


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        ({"id": 7}, "id"),
        ({"user_scenario": None}, "user_scenario"),
        ({"user_scenario": {"instructions": 7}}, "instructions"),
    ],
)
def test_a_task_without_id_or_scenario_is_refused(broken: dict[str, Any], place: str) -> None:
    with pytest.raises(Misfit) as error:
        made(official() | broken)
    assert error.value.place.endswith(place)


def test_a_delivered_order_is_there_to_fail_on() -> None:
    assert OPENED.open().call(made(official(actions=[FAILING])).gold[0]).is_error
    assert DELIVERED["status"] == "delivered"
