import pytest

from harness.types import Message, Request, Scenario, Task, ToolCall
from harness_rewards.confirmation import Reply, was_confirmed

CANCEL = ToolCall(name="cancel_order", arguments={"order_id": "#W1", "reasons": [{"why": "late"}]})


def task(*verbs: str) -> Task:
    request = Request(kind="cancel", says=("Cancel it.",), want=CANCEL, verbs=verbs)
    scenario = Scenario(reason="", requests=(request,))
    return Task(id="t", domain="shop", split="train", scenario=scenario, world={})


def confirmed(proposal: str, answer: str, *verbs: str, between: tuple[Message, ...] = ()) -> bool:
    messages = [
        Message(role="assistant", content="Hi! How can I help you?"),
        Message(role="user", content="My order is late."),
        Message(role="assistant", content=proposal),
        Message(role="user", content=answer),
        *between,
        Message(role="assistant", calls=(CANCEL,)),
    ]
    return was_confirmed(CANCEL, len(messages) - 1, messages, task(*verbs), Reply())


@pytest.mark.parametrize(
    "proposal",
    [
        "I would cancel the order. Is that fine?",
        "Order #W1, because it is LATE: shall I?",
        "To confirm, I will cancel it (yes/no)",
    ],
)
def test_a_question_that_names_the_action_is_a_proposal(proposal: str) -> None:
    assert confirmed(proposal, "Yes.")


def test_a_verb_of_the_request_names_the_action() -> None:
    assert not confirmed("Shall I call it off?", "Yes.")
    assert confirmed("Shall I call it off?", "Yes.", "Call it off")


@pytest.mark.parametrize(
    "proposal", ["I am going to cancel it.", "Is there anything else?", "Shall I exchange it?"]
)
def test_a_statement_or_another_question_is_none(proposal: str) -> None:
    assert not confirmed(proposal, "Yes.")


@pytest.mark.parametrize(
    "answer",
    ["Yes.", "yes, please", "That’s right!", "Sure, go ahead.", "OK", "Yes. No other changes."],
)
def test_acceptance_is_heard(answer: str) -> None:
    assert confirmed("Shall I cancel it?", answer)


@pytest.mark.parametrize(
    "answer",
    ["No.", "That's not right.", "Wait, yes is too early.", "Eyes?", "My zip is 12345.", ""],
)
def test_anything_else_is_no_acceptance(answer: str) -> None:
    assert not confirmed("Shall I cancel it?", answer)


def test_look_ups_between_yes_and_write_do_no_harm() -> None:
    look = ToolCall(name="get_order", arguments={})
    between = (Message(role="assistant", calls=(look,)), Message(role="tool", content="{}"))
    assert confirmed("Shall I cancel it?", "Yes.", between=between)


def test_a_yes_is_used_up_by_the_users_next_words() -> None:
    between = (
        Message(role="assistant", content="One moment."),
        Message(role="user", content="Yes, take your time."),
    )
    assert not confirmed("Shall I cancel it?", "Yes.", between=between)


def test_a_write_before_the_user_said_anything_is_unconfirmed() -> None:
    messages = [Message(role="assistant", calls=(CANCEL,))]
    assert not was_confirmed(CANCEL, 0, messages, task(), Reply())


def test_other_languages_bring_their_own_words() -> None:
    german = Reply(accepts=("ja", "gern"), refuses=("nein", "nicht"))
    assert german.is_yes("Ja, bitte.")
    assert not german.is_yes("Nein, ja keine Änderung.")
    assert not german.is_yes("Yes.")
