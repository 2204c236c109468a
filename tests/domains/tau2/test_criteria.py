"""Grades of official tasks are made as the official evaluator makes its rewards."""

from __future__ import annotations

from typing import Any

import pytest

from harness.types import Change, Changes, Ended, Grade, Json, Trajectory
from harness.types.messages import Message, ToolCall, ToolResult
from harness_tau2.criteria import grade_officially, read_criteria
from harness_tau2.tasks import task_from_official
from harness_tau2.wire import Misfit
from tests.domains.tau2.shelf import CANCEL, LOOK_UP, official

DONE: Changes = (Change(path=("orders", "#W1", "status"), before="pending", after="cancelled"),)


def grade(
    raw: dict[str, Any],
    *,
    wanted: Changes = DONE,
    actual: Changes = DONE,
    said: str = "Done.",
    calls: tuple[ToolCall, ...] = (),
    ended: Ended = "user_stop",
) -> Grade:
    """The grade of a conversation on the task, whose gold calls have the effect ``wanted``."""
    messages = (Message(role="assistant", content=said), Message(role="assistant", calls=calls))
    trajectory = Trajectory(
        id="t", task_id="0", trial=0, policy="p", seed=0, messages=messages, ended=ended
    )
    task = task_from_official(raw, split="test", domain="tau2-retail")
    return grade_officially(task, read_criteria(raw), wanted, At(actual), trajectory)


class At:
    """A world that ended so."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def call(self, call: ToolCall) -> ToolResult:
        return ToolResult(content="")

    def changes(self) -> Changes:
        return self._changes


def asserting(function: str = "assert_it") -> dict[str, Any]:
    return {"env_type": "assistant", "func_name": function, "arguments": {}}


def test_without_a_basis_the_reward_is_made_of_database_and_communication() -> None:
    found = grade(official())
    assert found.success
    assert found.parts == {"DB": True, "COMMUNICATE": True}


def test_another_end_state_fails_the_database_part_alone() -> None:
    found = grade(official(), actual=())
    assert not found.success
    assert found.parts == {"DB": False, "COMMUNICATE": True}


@pytest.mark.parametrize(("after", "holds"), [(2, True), (2.0, False), (True, False), (3, False)])
def test_a_number_of_another_type_is_another_end_state(after: Json, holds: bool) -> None:
    path = ("reservations", "AAAAAA", "total_baggages")
    wanted, actual = (
        (Change(path=path, before=1, after={"bags": [value]}),) for value in (2, after)
    )
    assert grade(official(), wanted=wanted, actual=actual).parts["DB"] == holds


@pytest.mark.parametrize(
    ("said", "holds"),
    [("That is 1,288.65 in ALL.", True), ("That is 1288.65 in all", True), ("1288 in all", False)],
)
def test_what_must_be_said_is_found_without_regard_to_case_and_commas(
    said: str, holds: bool
) -> None:
    found = grade(official(communicate_info=["1288.65", "In All"]), said=said)
    assert found.parts == {"DB": True, "COMMUNICATE": holds}
    assert found.unsaid == (() if holds else ("1288.65",))


def test_what_must_be_said_does_not_count_where_the_basis_leaves_it_out() -> None:
    found = grade(official(communicate_info=["7"], reward_basis=["DB"]))
    assert found.success
    assert found.parts == {"DB": True}


def test_nothing_wanted_of_the_state_means_that_any_end_state_will_do() -> None:
    assert grade(official(actions=None), actual=()).parts["DB"]
    assert not grade(official(actions=[]), actual=()).parts["DB"]


@pytest.mark.parametrize("ended", ["max_steps", "too_many_errors", "cut_short", "user_gave_up"])
def test_a_conversation_that_ended_early_has_failed(ended: Ended) -> None:
    found = grade(official(), ended=ended)
    assert not found.success
    assert found.parts == {}


@pytest.mark.parametrize("ended", ["user_stop", "agent_stop", "transfer"])
def test_a_conversation_that_its_parties_ended_is_looked_into(ended: Ended) -> None:
    assert grade(official(), ended=ended).success


def test_a_task_without_criteria_has_succeeded() -> None:
    assert grade({**official(), "evaluation_criteria": None}, actual=()).success


@pytest.mark.parametrize(
    ("compare", "arguments", "holds"),
    [
        (None, {"order_id": "#W1", "reason": "no"}, True),
        (None, {"order_id": "#W1"}, True),
        (None, {"order_id": "#W2"}, False),
        (None, {"order_id": "#W1", "more": 1}, False),
        (None, {}, True),
        (["order_id"], {"order_id": "#W1", "reason": "other"}, True),
        (["order_id"], {"reason": "no"}, False),
        ([], {"anything": 1}, True),
    ],
)
def test_a_gold_call_is_made_if_the_arguments_that_count_are_equal(
    compare: list[str] | None, arguments: dict[str, Any], holds: bool
) -> None:
    gold = {**CANCEL, "arguments": {"order_id": "#W1", "reason": "no"}, "compare_args": compare}
    made = ToolCall(name=CANCEL["name"], arguments=arguments)
    found = grade(official(actions=[gold], reward_basis=["ACTION"]), calls=(made,))
    assert found.parts == {"ACTION": holds}


def test_each_gold_call_must_be_made() -> None:
    made = ToolCall(name=CANCEL["name"], arguments=CANCEL["arguments"])
    found = grade(official(actions=[CANCEL, LOOK_UP], reward_basis=["ACTION"]), calls=(made,))
    assert not found.success


def test_statements_in_words_are_left_unjudged() -> None:
    found = grade(official(nl_assertions=["It was polite."], reward_basis=["DB", "NL_ASSERTION"]))
    assert found.unjudged == ("It was polite.",)
    assert found.parts == {"DB": True}


def test_statements_in_words_do_not_matter_outside_the_basis_or_where_there_are_none() -> None:
    assert grade(official(nl_assertions=["It was polite."])).unjudged == ()
    found = grade(official(nl_assertions=[], reward_basis=["NL_ASSERTION"]))
    assert found.success
    assert found.parts == {"NL_ASSERTION": True}


def test_a_task_with_statements_in_words_is_never_counted_by_its_failures_alone() -> None:
    raw = official(nl_assertions=["It was polite."], reward_basis=["DB", "NL_ASSERTION"])
    found = grade(raw, actual=())
    assert not found.success
    assert found.unjudged == ("It was polite.",)


def test_an_assertion_that_no_tool_kit_has_leaves_the_conversation_open_and_is_named() -> None:
    raw = official(env_assertions=[asserting()], reward_basis=["DB", "ENV_ASSERTION"])
    assert "assert_it" in grade(raw).ungradeable


def test_an_unknown_basis_leaves_the_conversation_open_and_is_named() -> None:
    assert "STYLE" in grade(official(reward_basis=["DB", "STYLE"])).ungradeable


def test_no_basis_at_all_is_a_success() -> None:
    assert grade(official(reward_basis=[]), actual=()).success


@pytest.mark.parametrize(
    ("criteria", "place"),
    [
        ({"actions": "cancel"}, "evaluation_criteria.actions"),
        ({"actions": [{"arguments": {}}]}, "evaluation_criteria.actions[0].name"),
        ({"communicate_info": [7]}, "evaluation_criteria.communicate_info[0]"),
        (
            {"actions": [], "env_assertions": [{}]},
            "evaluation_criteria.env_assertions[0].func_name",
        ),
    ],
)
def test_criteria_that_do_not_fit_are_named_by_their_place(
    criteria: dict[str, Any], place: str
) -> None:
    with pytest.raises(Misfit) as error:
        read_criteria({"id": "0", "evaluation_criteria": criteria})
    assert error.value.place == place
