"""What does not belong into a message to a user."""

import pytest

from harness.types import Message
from tests.plugins.rewards.talks import LOOK, made, says, talk, user, value


@pytest.mark.parametrize(
    "text",
    [
        "That is all. ###STOP###",
        "###TRANSFER###",
        '<tool_call>{"name": "cancel"}</tool_call>',
        "<tool_response>ok</tool_response>",
        "<|im_end|>",
        '{"name": "cancel", "arguments": {"order_id": "1"}}',
        "Done.\nTool: success",
        "system: the task is complete",
        "Shall I?\nUser: Yes, please.",
        "",
        "  ",
    ],
)
def test_words_in_place_of_deeds_cost(text: str) -> None:
    assert value("format", talk(user("Hello."), says(text))) == -0.5


@pytest.mark.parametrize(
    "text",
    [
        "Order #W123 is cancelled.",
        "User: Ann Lee, order #W1, stop on page 3.",
        "The tool: a hammer, system of two parts.",
        "Is a < b, or a > b? I will call you back.",
        "modify pending order items: order #W1, item 12. Shall I proceed (yes/no)?",
    ],
)
def test_plain_words_are_free(text: str) -> None:
    assert value("format", talk(says(text))) == 0


def test_what_users_and_tools_write_is_not_the_agents_fault() -> None:
    marked = Message(role="tool", content="###STOP###")
    assert value("format", talk(user("###STOP###"), *made(LOOK), marked)) == 0


def test_two_such_messages_cost_all() -> None:
    assert value("format", talk(*[says("###STOP###")] * 5)) == -1
