"""Each rule sees its own mistake, and none in a good conversation, whatever its language."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from harness_traces.conversation import Heard
from harness_traces.judge import UNEXPLAINED, ConductJudge
from harness_traces.rules import signs_of
from tests.plugins.traces.conftest import agent, heard, result, user

ORDER = {"order_id": "#W1", "status": "pending", "total": 12.5}
ASK = user("Please cancel my order #W1.")
LOOK = [agent(get_order={"order_id": "#W1"}), result(ORDER)]
OFFER = [agent("Shall I cancel order #W1 because of no longer needed?"), user("Yes, please.")]
CANCEL = [
    agent(cancel_order={"order_id": "#W1", "reason": "no longer needed"}),
    result({**ORDER, "status": "cancelled"}),
]
WRITE = {"cancel_order": {"order_id": "#W1", "reason": "no longer needed"}}
OTHER = {"cancel_order": {"order_id": "#W7", "reason": "no longer needed"}}
GOOD = [ASK, *LOOK, *OFFER, *CANCEL, agent("I have cancelled it. Anything else?"), user("No, bye.")]


def kinds(*messages: Any) -> list[str]:
    return [sign.kind for sign in signs_of(Heard(*heard(*messages)))]


@pytest.mark.parametrize(
    "messages",
    [
        GOOD,
        [
            user("Bitte stornieren Sie Bestellung #W1."),
            *LOOK,
            agent("Soll ich #W1 stornieren (no longer needed)?"),
            user("Ja, gerne."),
            *CANCEL,
            agent("Die Bestellung ist storniert. Noch etwas?"),
            user("Nein, danke."),
        ],
        [
            user("注文 #W1 をキャンセルしてください。"),
            *LOOK,
            *OFFER,
            *CANCEL,
            agent("完了しました。他には？"),
        ],
        [
            ASK,
            *LOOK,
            agent("The status is pending, the total is $12.50. Is that all?"),
            user("Yes"),
        ],
        [  # of two, each with words of its own
            user("Please cancel #W1 and #W7."),
            *LOOK,
            agent("Shall I cancel #W1 and #W7 because they are no longer needed?"),
            user("Yes"),
            agent("Doing that now.", **WRITE),
            result("done"),
            agent("And the other one.", **OTHER),
            result("done"),
            agent("Both are cancelled. Anything else?"),
        ],
        [  # the offer names neither
            user("Please cancel #W1 and #W7, they are no longer needed."),
            agent("Shall I cancel both?"),
            user("Yes"),
            agent(**WRITE),
            result("done"),
            agent(**OTHER),
            result("done"),
            agent("Anything else?"),
        ],
    ],
)
def test_good_conversations_show_no_mistake(messages: list[Any]) -> None:
    assert kinds(*messages) == []


@pytest.mark.parametrize(
    ("kind", "messages"),
    [
        ("repeated_call", [ASK, *LOOK * 3, agent("Which one?"), user("Never mind.")]),
        ("failed_call", [ASK, *OFFER, CANCEL[0], result("Error: order not found"), agent("Hm?")]),
        ("tool_down", [ASK, LOOK[0], result("Error: 503 service unavailable"), agent("Later?")]),
        (
            "wrong_order",
            [
                ASK,
                *OFFER,
                agent(cancel_order={"order_id": "#W2", "reason": "no longer needed"}),
                result("done"),
                agent("Anything else?"),
            ],
        ),
        (
            "wrong_order",
            [ASK, *OFFER, agent("I cancel it.", **OTHER), result("done"), agent("Else?")],
        ),
        (
            "extra_write",
            [*GOOD[:-2], agent("This one, too.", **OTHER), result("done"), agent("Else?")],
        ),
        (
            "extra_write",
            [
                *GOOD[:-2],
                agent(cancel_order={"order_id": "#W7", "reason": "no longer needed"}),
                result("done"),
                agent("Anything else?"),
            ],
        ),
        ("contradicted_result", [ASK, *LOOK, agent("The total is $99.00, right?"), user("Hm.")]),
        ("contradicted_result", [ASK, *LOOK, agent("Its status is delivered. OK?"), user("Hm.")]),
        (
            "contradicted_result",
            [
                ASK,
                *OFFER,
                CANCEL[0],
                result("Error: already shipped"),
                agent("I have cancelled your order. Anything else?"),
            ],
        ),
        ("claimed_action", [ASK, *LOOK, agent("It is all done. Else?"), user("No, bye.")]),
        ("handed_over", [ASK, agent(transfer_to_human={"why": "x"}), result("ok"), user("Bye")]),
        ("refused_request", [ASK, agent("I am sorry, that is not allowed."), user("Bye")]),
        ("ended_early", [ASK, *LOOK, agent("I have to go now.")]),
        ("unfinished", [ASK, *LOOK]),
        ("ignored_request", [ASK, agent("Anything else?"), ASK, agent("Anything else?")]),
        (
            "invented_argument",
            [ASK, agent(get_order={"order_id": "#W881234"}), result("none"), agent("Hm?")],
        ),
        ("unconfirmed_write", [ASK, *LOOK, *CANCEL, agent("Anything else?"), user("No")]),
    ],
)
def test_each_rule_sees_its_own_mistake(kind: str, messages: list[Any]) -> None:
    assert kinds(*messages)[0] == kind


def test_a_claim_without_its_call_is_seen_where_the_tool_is_known() -> None:
    _, domain = heard(*GOOD)
    episode, _ = heard(ASK, *LOOK, agent("I have cancelled it. Anything else?"), user("No"))
    assert next(signs_of(Heard(episode, domain))).kind == "claimed_action"


def test_arguments_are_held_against_the_schema_and_calls_against_the_tools() -> None:
    _, domain = heard(*GOOD)
    for arguments, words in (
        ({}, "order_id is missing"),
        ({"order_id": 3, "reason": "x"}, "order_id is int, not string"),
    ):
        episode, _ = heard(ASK, agent(cancel_order=arguments), result("Error: no"), agent("Hm?"))
        first = next(signs_of(Heard(episode, domain)))
        assert (first.kind, first.tool) == ("invalid_arguments", "cancel_order")
        assert words in first.summary
    episode, _ = heard(ASK, agent(cancel_ordr={}), result("Error: no such tool"), agent("Hm?"))
    assert next(signs_of(Heard(episode, domain))).kind == "unknown_tool"


def test_a_bad_call_that_was_mended_is_no_mistake() -> None:
    bad = [agent(cancel_order={}), result("Error: order_id is missing")]
    messages = [ASK, *LOOK, *OFFER, *bad, *CANCEL, agent("Anything else?"), user("No")]
    assert kinds(*messages) == []


def test_the_judge_says_what_it_does_not_see_and_blames_faults_on_no_agent() -> None:
    episode, domain = heard(*GOOD)
    found = asyncio.run(ConductJudge().diagnose(episode, domain))
    assert (found.kind, found.blame) == (UNEXPLAINED, "agent")
    broken = replace(
        episode, trajectory=replace(episode.trajectory, ended="infrastructure_fault", fault="gone")
    )
    found = asyncio.run(ConductJudge().diagnose(broken, domain))
    assert (found.kind, found.blame) == ("infrastructure_fault", "infrastructure")


def test_rules_bear_what_is_odd() -> None:
    odd = [result("[1, 2", "x"), agent("", **{"": {"a": None}}), agent("x" * 100_000)]
    assert isinstance(kinds(*odd), list)
    assert kinds(user("")) == []


def test_who_has_taken_leave_is_not_left_alone() -> None:
    def after(last: str) -> list[str]:
        return kinds(user("My card is gone"), agent("I see."), user(last), agent("Bye."))

    assert "ended_early" not in after("Thanks, that is all.")
    assert "ended_early" in after("Thanks, can you block it?")
    assert "ended_early" in after("Block it.")
