import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.assembly.config import load_config
from harness.errors import ConfigError
from harness.evaluation.scoring import score
from harness.protocols import RangedTerm, Settings, WeightedTerm
from harness.types import Change, Grade, Message, TermScore, ToolCall, Usage
from harness_rewards import harness_reward_terms
from tests.plugins.rewards.talks import (
    CANCEL,
    FAILED,
    LOOK,
    OTHER,
    call,
    made,
    says,
    talk,
    task,
    term,
    user,
    value,
)

# --- task_success


def test_success_is_one_and_failure_is_nothing() -> None:
    success = term("task_success")
    assert success(talk(), Grade(success=True), task()).value == 1
    assert success(talk(), FAILED, task()).value == 0


def test_a_failure_notes_what_differs_even_where_values_are_lists() -> None:
    wanted = Change(path=("a",), before=["x"], after=["y"])
    actual = Change(path=("b",), before=None, after={"z": 1})
    grade = Grade(success=False, wanted=(wanted,), actual=(actual,), unsaid=("10",))
    note = term("task_success")(talk(ended="max_steps"), grade, task()).note
    assert note == ("1 wanted change missing, 1 unwanted made, 1 fact unsaid, ended by max_steps")


# --- gold_writes


def test_writes_that_the_user_is_told_to_make_are_wanted_like_the_agents() -> None:
    restart = call("restart_phone", by="user")
    assert value("gold_writes", talk(), task(restart)) == 0
    assert value("gold_writes", talk(*made(restart)), task(restart)) == 1
    assert value("gold_writes", talk(*made(CANCEL)), task(restart, CANCEL)) == 0.5
    assert value("gold_writes", talk(*made(restart)), task(restart, restart)) == 0.5


def test_what_the_user_does_unasked_is_not_held_against_the_agent() -> None:
    restart = call("restart_phone", by="user")
    assert value("gold_writes", talk(*made(restart)), task(LOOK)) == 1
    assert value("gold_writes", talk(*made(restart, CANCEL)), task(CANCEL)) == 1


def test_gold_writes_is_the_share_of_wanted_writes_made() -> None:
    wanted = task(LOOK, CANCEL, OTHER)
    assert value("gold_writes", talk(), wanted) == 0
    assert value("gold_writes", talk(*made(CANCEL)), wanted) == 0.5
    assert value("gold_writes", talk(*made(OTHER, CANCEL)), wanted) == 1


def test_a_write_wanted_twice_must_be_made_twice() -> None:
    assert value("gold_writes", talk(*made(CANCEL)), task(CANCEL, CANCEL)) == 0.5


def test_making_a_wanted_write_twice_earns_no_more() -> None:
    assert value("gold_writes", talk(*made(CANCEL, CANCEL)), task(CANCEL, OTHER)) == 0.5


def test_wrong_arguments_earn_nothing() -> None:
    assert value("gold_writes", talk(*made(OTHER)), task(CANCEL)) == 0


def test_a_wanted_write_that_failed_earns_nothing() -> None:
    assert value("gold_writes", talk(*made(CANCEL, failed=True)), task(CANCEL)) == 0


def test_where_no_write_is_wanted_only_none_is_right() -> None:
    assert value("gold_writes", talk(*made(LOOK)), task(LOOK)) == 1
    assert value("gold_writes", talk(*made(CANCEL)), task(LOOK)) == 0


def test_items_may_be_listed_in_any_order_as_long_as_pairs_stay_together() -> None:
    wanted = call("exchange_items", items=["a", "b"], new_items=["x", "y"], fee=1)
    turned = call("exchange_items", items=["b", "a"], new_items=["y", "x"], fee=1.0)
    mixed = call("exchange_items", items=["b", "a"], new_items=["x", "y"], fee=1)
    assert value("gold_writes", talk(*made(turned)), task(wanted)) == 1
    assert value("gold_writes", talk(*made(mixed)), task(wanted)) == 0


# --- invalid_calls


def test_failed_calls_cost_a_share_of_the_cap_and_no_more_than_all_of_it() -> None:
    failures = made(CANCEL, OTHER, failed=True)
    assert value("invalid_calls", talk(*failures, *made(LOOK))) == -0.4
    assert value("invalid_calls", talk(*failures * 9)) == -1
    assert value("invalid_calls", talk(*failures), cap=2) == -1


def test_a_failed_call_that_the_gold_calls_contain_is_free_once() -> None:
    lookup = made(LOOK, failed=True)
    assert value("invalid_calls", talk(*lookup), task(LOOK)) == 0
    assert value("invalid_calls", talk(*lookup, *lookup), task(LOOK)) == -0.2


def test_failed_calls_of_the_user_are_not_the_agents() -> None:
    broken = call("restart_phone", by="user")
    assert value("invalid_calls", talk(*made(broken, failed=True), *made(LOOK))) == 0


# --- unconfirmed_writes


def test_a_write_after_a_proposal_and_a_yes_is_free() -> None:
    trajectory = talk(
        user("Cancel my order."),
        *made(LOOK),
        says("I will cancel order #W1. Shall I go ahead?"),
        user("Yes, please."),
        *made(CANCEL),
    )
    assert value("unconfirmed_writes", trajectory) == 0


def test_each_write_without_a_yes_costs_a_share_of_the_cap() -> None:
    hasty = talk(user("Cancel my order."), *made(CANCEL))
    assert value("unconfirmed_writes", hasty) == -0.5
    assert value("unconfirmed_writes", talk(user("Hi."), *made(CANCEL, OTHER, CANCEL))) == -1


def test_a_yes_holds_for_all_writes_that_were_proposed_together() -> None:
    proposal = says("I will cancel order #W1 and exchange lamp-7 for lamp-8. Is that right?")
    swap = call("exchange_items", items=["lamp-7"], new_items=["lamp-8"])
    trajectory = talk(user("Hi."), proposal, user("That is correct."), *made(CANCEL, swap))
    assert value("unconfirmed_writes", trajectory) == 0


def test_reading_needs_no_yes() -> None:
    assert value("unconfirmed_writes", talk(user("Hi."), *made(LOOK))) == 0


# --- extra_writes


def test_only_successful_writes_that_were_not_wanted_are_extra() -> None:
    wanted = task(CANCEL)
    assert value("extra_writes", talk(*made(CANCEL, LOOK)), wanted) == 0
    assert value("extra_writes", talk(*made(OTHER, failed=True)), wanted) == 0
    assert value("extra_writes", talk(*made(OTHER)), wanted) == -0.5
    assert value("extra_writes", talk(*made(CANCEL, CANCEL, OTHER, OTHER)), wanted) == -1


# --- repeated_calls


def test_the_same_call_again_costs_a_fifth_each_time_up_to_five() -> None:
    assert value("repeated_calls", talk(*made(LOOK))) == 0
    assert value("repeated_calls", talk(*made(LOOK, LOOK, LOOK))) == -0.4
    assert value("repeated_calls", talk(*made(*[LOOK] * 30))) == -1


def test_looking_again_after_a_write_is_no_repetition() -> None:
    assert value("repeated_calls", talk(*made(LOOK, CANCEL, LOOK))) == 0


def test_looking_again_after_a_failed_write_is() -> None:
    again = talk(*made(LOOK), *made(CANCEL, failed=True), *made(LOOK))
    assert value("repeated_calls", again) == -0.2


def test_looking_again_after_the_user_changed_something_is_no_repetition() -> None:
    changed = call("restart_phone", by="user")
    checked = call("check_phone", by="user")
    assert value("repeated_calls", talk(*made(LOOK, changed, LOOK))) == 0
    assert value("repeated_calls", talk(*made(LOOK, checked, checked, LOOK))) == -0.2


def test_other_arguments_are_another_call() -> None:
    assert value("repeated_calls", talk(*made(LOOK, call("get_order", order_id="#W2")))) == 0


def test_trying_again_what_failed_for_a_moment_is_free() -> None:
    again = talk(*made(LOOK, failed=True), *made(LOOK))
    assert value("repeated_calls", again) == 0
    assert value("invalid_calls", again) == 0


def test_a_cycle_of_several_calls_is_repetition() -> None:
    assert value("repeated_calls", talk(*made(*[LOOK, call("get_order", order_id="#W2")] * 3))) == (
        -0.8
    )


# --- credit for parts


def change(name: str, after: str) -> Change:
    return Change(path=("orders", name), before=None, after=after)


@pytest.mark.parametrize(
    ("wanted", "actual", "share"),
    [("", "", 1), ("a", "", 0), ("ab", "a", 0.5), ("a", "ab", 0.5), ("", "a", 0), ("ab", "ab", 1)],
)
def test_each_field_of_the_difference_counts(wanted: str, actual: str, share: float) -> None:
    grade = Grade(
        success=False,
        wanted=tuple(change(name, "x") for name in wanted),
        actual=tuple(change(name, "x") for name in actual),
    )
    assert term("changed_fields")(talk(), grade, task()).value == share


def test_a_field_with_another_value_counts_once() -> None:
    grade = Grade(success=False, wanted=(change("a", "x"),), actual=(change("a", "y"),))
    assert term("changed_fields")(talk(), grade, task()).value == 0


def test_facts_count_by_the_share_that_was_told() -> None:
    wanted = replace(task(), communicate=("1", "2"))
    told = term("told_facts")
    assert told(talk(), Grade(success=False, unsaid=("2",)), wanted).value == 0.5
    assert told(talk(), Grade(success=True), wanted).value == 1
    assert told(talk(), Grade(success=True), task()).value == 0


def test_a_write_by_the_right_tool_can_earn_a_part() -> None:
    wanted = task(call("exchange_items", order_id="#W1", item_ids=["1"]))
    near = talk(*made(call("exchange_items", order_id="#W1", item_ids=["2"])))
    assert value("gold_writes", near, wanted) == 0
    assert value("gold_writes", near, wanted, partial=True) == pytest.approx(1 / 3)
    right = talk(*made(call("exchange_items", order_id="#W1", item_ids=["1"])))
    assert value("gold_writes", right, wanted, partial=True) == 1


# --- length


@pytest.mark.parametrize(
    ("tokens", "cost"), [(1, 0), (500, 0), (1250, -0.5), (2000, -1), (90000, -1)]
)
def test_length_costs_from_the_budget_to_the_limit(tokens: int, cost: float) -> None:
    usage = {"agent": Usage(tokens_out=tokens), "user": Usage(tokens_out=10**6)}
    assert value("length", talk(usage=usage)) == cost


def test_without_reported_tokens_the_agents_characters_count_by_fours() -> None:
    wordy = talk(user("u" * 9000), says("a" * 500 * 4), *made(LOOK))
    note = term("length")(wordy, FAILED, task()).note
    written = "a" * 500 * 4 + 'get_order{"order_id": "#W1"}'
    assert note.startswith(f"{len(written) // 4} tokens")


def test_the_fixed_greeting_costs_nothing() -> None:
    assert "0 tokens, 0 over" in term("length")(talk(), FAILED, task()).note


# --- all of them


CAPPED = (
    "invalid_calls", "extra_writes", "repeated_calls", "unconfirmed_writes", "format",
    "unidentified_access", "split_writes", "late_writes",
)  # fmt: skip


@pytest.mark.parametrize("name", CAPPED)
def test_a_cap_below_one_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"option of {name} 'cap': .* greater than or equal to 1"):
        term(name, cap=0)


def test_a_limit_below_the_budget_is_refused() -> None:
    with pytest.raises(ConfigError, match="budget < limit"):
        term("length", budget=10, limit=10)


@pytest.mark.parametrize("name", sorted(harness_reward_terms()))
def test_an_unknown_option_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="no option 'nap'"):
        term(name, nap=3)


def test_terms_about_writes_need_a_domain() -> None:
    with pytest.raises(ConfigError, match="domain's tools"):
        harness_reward_terms()["gold_writes"](Settings())


calls = st.sampled_from([LOOK, CANCEL, OTHER, call("no_such_tool", x=[{"y": None}])])
steps = st.one_of(
    calls.map(lambda c: made(c)),
    calls.map(lambda c: made(c, failed=True)),
    st.text(max_size=20).map(lambda text: [says(text)]),
    st.text(max_size=20).map(lambda text: [user(text)]),
)


@given(st.lists(steps, max_size=12), st.lists(calls, max_size=3))
def test_every_term_is_finite_pure_and_in_range(
    parts: list[list[Message]], gold: list[ToolCall]
) -> None:
    trajectory = talk(*(message for part in parts for message in part))
    for name in harness_reward_terms():
        once: TermScore = term(name)(trajectory, FAILED, task(*gold))
        assert math.isfinite(once.value)
        ranged = term(name)
        assert isinstance(ranged, RangedTerm)
        assert ranged.low <= once.value <= ranged.high
        assert once.name == name
        assert once.note
        assert term(name)(trajectory, FAILED, task(*gold)) == once


def test_doing_nothing_is_worth_less_than_a_clumsy_honest_attempt() -> None:
    weights = load_config().rewards
    terms = [WeightedTerm(name=n, weight=w, term=term(n)) for n, w in weights.items()]
    wanted = task(LOOK, CANCEL, OTHER)
    idle = talk(user("Cancel two orders."), says("I cannot help you."))
    clumsy = talk(
        user("Cancel two orders."),
        *made(call("get_order", order_id="?"), failed=True),
        *made(LOOK, LOOK),
        says("I will cancel order #W1. Shall I?"),
        user("Yes."),
        *made(CANCEL),
    )
    assert score(clumsy, FAILED, wanted, terms).total > score(idle, FAILED, wanted, terms).total
