"""What an agent's sentence is taken for."""

from __future__ import annotations

import pytest

from harness_scripted.speech import agrees, hear, mentions, touches


@pytest.mark.parametrize(
    "text",
    [
        "cancel order: order #W1. Do you confirm (yes/no)?",
        "Shall I cancel order #W1 for you?",
        "Would you like me to go ahead?",
        "Do you want me to cancel it?",
        "Here are the details:\n- order #W1\nPlease confirm that this is right.",
        "I will cancel it. Can I proceed with that?",
        "Is there anything else to add, or can I proceed (yes/no)?",
        "Shall I cancel the order which you named?",
        "I know what you mean. Do you want me to cancel it?",
    ],
)
def test_what_wants_a_yes_is_a_proposal(text: str) -> None:
    assert hear(text).proposes
    assert not hear(text).closes


@pytest.mark.parametrize(
    "text",
    [
        "Could you confirm your email?",
        "Please confirm which order you mean.",
        "To proceed, I need your zip code.",
        "Done. Would you like me to help with anything else?",
        "Let me look that up for you.",
        "Which order do you want me to cancel?",
        "How much data should I add?",
        "What would you like to do?",
        "When would you like me to send it, today or tomorrow?",
    ],
)
def test_what_wants_no_yes_is_no_proposal(text: str) -> None:
    assert not hear(text).proposes


@pytest.mark.parametrize(
    "text",
    [
        "Done. Is there anything else I can help you with?",
        "Your order has been cancelled. Do you need further assistance?",
        "Let me know if you have any other questions.",
    ],
)
def test_an_offer_of_more_help_closes(text: str) -> None:
    assert hear(text).closes


@pytest.mark.parametrize(
    "text",
    ["YOU ARE BEING TRANSFERRED TO A HUMAN AGENT. PLEASE HOLD ON.", "I am transferring you."],
)
def test_a_handover_is_heard(text: str) -> None:
    assert hear(text).transfers


def test_an_offer_to_transfer_is_no_handover_yet() -> None:
    heard = hear("Would you like to be transferred to a human?")
    assert heard.proposes
    assert not heard.transfers


@pytest.mark.parametrize("text", ["Yes.", "yes, please", "Sure, go ahead.", "OK", "I confirm."])
def test_a_yes_agrees(text: str) -> None:
    assert agrees(text)


@pytest.mark.parametrize("text", ["No.", "Yes, but use my gift card", "Wait, not that", "Which?"])
def test_anything_but_a_yes_does_not_agree(text: str) -> None:
    assert not agrees(text)


def test_phrases_match_whole_words_and_identifiers_with_underscores() -> None:
    assert mentions(hear("Use gift_card_12?").text, ["gift card"])
    assert not mentions(hear("It was ordered.").text, ["red"])
    assert not mentions(hear("order #W12").text, ["#w1"])


def test_verbs_match_their_inflections() -> None:
    assert touches("your order will be cancelled", ["cancel"])
    assert touches("exchanging the item", ["exchange"])
    assert not touches("your address", ["add"])


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("I am sorry, that is not allowed.", True),
        ("Sorry, but the order was shipped.", True),
        ("I apologize, this is against our policy.", True),
        ("I am sorry to hear that. Let me look into it.", False),
        ("I apologize for the inconvenience. What is your name?", False),
        ("I'm sorry about the delay; one moment.", False),
    ],
)
def test_sympathy_refuses_nothing(text: str, refuses: bool) -> None:
    assert hear(text).refuses is refuses


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("I could not find you. What is your name?", True),
        ("I was unable to locate an account with that email. Could you tell me your name?", True),
        ("There is no customer with this number. What is your name?", True),
        ("I see nobody with that number. What is your name?", True),
        ("I could not find that order. What is its number?", False),
        ("What is your name?", False),
        ("I could not find you.", False),
    ],
)
def test_it_is_heard_in_any_words_that_nobody_was_found(text: str, unknown: bool) -> None:
    assert ("not found" in hear(text).question) is unknown
