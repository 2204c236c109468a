"""The scripted customer, played against by hand."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.errors import ConfigError, RolloutFault
from harness.protocols import Conversation, Domain, Settings, UserTurn
from harness.types import Message, Scenario, Task, ToolCall
from harness_scripted.user import scripted_user

Chat = Callable[..., list[UserTurn]]

OFFER = "cancel order: order #W1, payment method gift_card_7. Do you confirm (yes/no)?"
DONE = "Done. Is there anything else I can help you with?"


def texts(turns: list[UserTurn]) -> list[str]:
    return [turn.message.content for turn in turns]


def test_it_opens_with_a_wording_of_the_first_request(chat: Chat, shop_task: Task) -> None:
    assert texts(chat(shop_task))[0] in shop_task.scenario.requests[0].says


def test_equal_seeds_give_equal_words(chat: Chat, shop_task: Task) -> None:
    said = ["What is your email?", "Which order, and where should the refund go?", OFFER, DONE]
    assert chat(shop_task, *said, seed=3) == chat(shop_task, *said, seed=3)


def test_seeds_vary_the_wording(chat: Chat, shop_task: Task) -> None:
    openings = {texts(chat(shop_task, seed=seed))[0] for seed in range(20)}
    assert openings == set(shop_task.scenario.requests[0].says)
    answers = {texts(chat(shop_task, "Your email?", seed=seed))[1] for seed in range(20)}
    assert answers == set(shop_task.scenario.identity[0].says)


def test_it_tells_exactly_what_is_asked(chat: Chat, shop_task: Task) -> None:
    answer = texts(chat(shop_task, "Could you tell me which order?"))[1]
    assert answer == "It is order #W1."


def test_it_answers_several_questions_at_once(chat: Chat, shop_task: Task) -> None:
    answer = texts(chat(shop_task, "Which order, and where should the refund go?"))[1]
    assert answer == "It is order #W1. I want to use my gift card."


def test_it_repeats_what_it_is_asked_again(chat: Chat, shop_task: Task) -> None:
    turns = texts(chat(shop_task, "Which order?", "Sorry, which order was it?"))
    assert turns[1] == turns[2] == "It is order #W1."


def test_it_answers_a_list_of_needs_without_question_mark(chat: Chat, shop_task: Task) -> None:
    answer = texts(
        chat(shop_task, "To get started I'll need:\n1. Your email address\n2. The order")
    )[1]
    assert "a.b@example.com" in answer
    assert "#W1" in answer


def test_it_does_not_know_what_is_not_in_its_facts(chat: Chat, shop_task: Task) -> None:
    answer = texts(chat(shop_task, "What is your shoe size?"))[1]
    assert "know" in answer or "sure" in answer


def test_it_never_tells_an_unasked_fact(chat: Chat, shop_task: Task) -> None:
    said = ["Hello.", "How are you?"]
    for seed in range(10):
        for text in texts(chat(shop_task, *said, seed=seed)):
            assert not any(secret in text for secret in ("#W1", "gift card", "example.com"))


def test_it_accepts_a_right_proposal(chat: Chat, shop_task: Task) -> None:
    assert texts(chat(shop_task, OFFER))[1].startswith("Yes")


@pytest.mark.parametrize(
    "offer",
    [
        "Great, I can cancel order #W1 and refund your gift card. Shall I go ahead?",
        "Here is what I will do:\n- Cancel order #W1\n- Refund to: gift card\n\nPlease confirm.",
        "You'd like order #W1 cancelled, is that correct?",
    ],
)
def test_it_accepts_a_right_proposal_in_other_words(
    chat: Chat, shop_task: Task, offer: str
) -> None:
    assert texts(chat(shop_task, offer))[1].startswith("Yes")


def test_it_says_what_is_wrong_with_a_proposal(chat: Chat, shop_task: Task) -> None:
    wrong = OFFER.replace("gift_card_7", "credit_card_9")
    answer = texts(chat(shop_task, wrong))[1]
    assert answer.startswith("No")
    assert answer.endswith("I want to use my gift card.")


def test_it_rejects_an_offer_of_something_else(chat: Chat, shop_task: Task) -> None:
    answer = texts(chat(shop_task, "Shall I change your address?"))[1]
    assert answer.startswith("No")
    assert "cancel" in answer


def test_it_answers_an_either_or_by_what_it_wants(chat: Chat, shop_task: Task) -> None:
    answer = texts(chat(shop_task, "Do you want to use your gift card or your credit card?"))[1]
    assert answer == "I want to use my gift card."


def test_it_changes_its_mind_once(chat: Chat, undecided_task: Task) -> None:
    offer = "add alert: hazard frost, channel {}. Do you confirm (yes/no)?"
    said = [offer.format("sms"), offer.format("email"), DONE]
    turns = chat(undecided_task, *said)
    assert texts(turns)[1] == "Wait, use email instead."
    assert texts(turns)[2].startswith("Yes")
    assert turns[3].stop


def test_after_its_change_of_mind_it_rejects_what_it_wanted_first(
    chat: Chat, undecided_task: Task
) -> None:
    offer = "add alert: hazard frost, channel sms. Do you confirm (yes/no)?"
    answer = texts(chat(undecided_task, offer, offer))[2]
    assert answer.startswith("No")
    assert "email" in answer


def test_it_brings_up_the_next_request_and_then_leaves(chat: Chat, shop_task: Task) -> None:
    refusal = "I am sorry, but shipping is never refunded. Anything else?"
    turns = chat(shop_task, OFFER, DONE, refusal)
    assert texts(turns)[2].endswith("Also, refund my shipping fee.")
    assert [turn.stop for turn in turns] == [False, False, False, True]


def test_it_does_not_leave_before_an_accepted_write_is_reported(
    chat: Chat, undecided_task: Task
) -> None:
    offer = "add alert: hazard frost, channel {}. Do you confirm (yes/no)?"
    said = [offer.format("sms"), offer.format("email"), "One moment, please.", "It is done."]
    assert [turn.stop for turn in chat(undecided_task, *said)] == [False] * 4 + [True]


def test_it_insists_once_on_what_can_be_done(chat: Chat, shop_task: Task) -> None:
    refusal = "I am sorry, but I cannot do that."
    turns = texts(chat(shop_task, refusal, refusal))
    assert "cancel" in turns[1]
    assert turns[2].endswith("Also, refund my shipping fee.")


def test_it_leaves_when_handed_over(chat: Chat, shop_task: Task) -> None:
    turn = chat(shop_task, "YOU ARE BEING TRANSFERRED TO A HUMAN AGENT. PLEASE HOLD ON.")[1]
    assert turn.stop
    assert turn.transfer


@pytest.mark.parametrize("nonsense", ["", "Bananas are yellow.", "What is your shoe size?"])
def test_it_gives_up_after_three_turns_without_progress(
    chat: Chat, shop_task: Task, nonsense: str
) -> None:
    turns = chat(shop_task, nonsense, nonsense, nonsense)
    assert [turn.stop for turn in turns] == [False, False, False, True]


def test_progress_renews_its_patience(chat: Chat, shop_task: Task) -> None:
    turns = chat(shop_task, "", "", "Which order?", "", "", OFFER)
    assert not any(turn.stop for turn in turns)


def test_it_does_not_see_tool_calls(weather: Domain, shop_task: Task) -> None:
    greeting = Message(role="assistant", content="Hi!")
    opening = Message(role="user", content="I want to cancel an order.")
    call = Message(role="assistant", content="", calls=(ToolCall(name="x", arguments={}),))
    result = Message(role="tool", content="Your order #W2 has been cancelled. Anything else?")
    asked = Message(role="assistant", content="Which order?")
    user = scripted_user(Settings())

    def reply(*messages: Message) -> str:
        conversation = Conversation(id="c", domain=weather, task=shop_task, messages=messages)
        turn = asyncio.run(user.reply(shop_task, conversation, seed=len(messages)))
        return turn.message.content

    assert reply(greeting, opening, call, result, asked) == reply(greeting, opening, asked)


def test_a_task_without_requests_is_a_fault_of_the_user(chat: Chat, shop_task: Task) -> None:
    bare = replace(shop_task, scenario=Scenario(reason="to be played by a language model"))
    with pytest.raises(RolloutFault) as fault:
        chat(bare)
    assert fault.value.kind == "user_fault"


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ConfigError, match="patients"):
        scripted_user(Settings(options={"patients": 2}))


MOST_CALLS = 2000
"""Of Python functions, for one reply and its share of ``asyncio.run``: 740 when this was set."""


def test_a_reply_costs_little(chat: Chat, shop_task: Task) -> None:
    said = ["What is your email?", "Which order?", "Where should the refund go?", OFFER] * 5
    chat(shop_task, *said)
    calls = 0

    def count(frame: object, event: str, about: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        replies = chat(shop_task, *said)
    finally:
        sys.setprofile(None)
    # Half a millisecond a reply is the aim; calls are what no busy machine changes.
    assert 0 < calls / len(replies) < MOST_CALLS
