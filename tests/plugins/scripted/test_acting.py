"""The scripted user does what it is told with its own tools, and tells what it sees."""

from __future__ import annotations

import pytest

from harness.types import Message, Tool
from harness_scripted.acting import read_back, told_call
from harness_scripted.phrases import AGENT

SWITCH = Tool(name="toggle_data", description="", parameters={"properties": {}}, kind="write")
SAVER = Tool(name="toggle_data_saver", description="", parameters={"properties": {}}, kind="write")
GRANT = Tool(
    name="grant_permission",
    description="",
    parameters={
        "properties": {
            "app": {"type": "string"},
            "times": {"type": "integer"},
        },
        "required": ["app"],
    },
    kind="write",
    nouns={"app": "app", "times": "number of times"},
)
TOOLS = (SWITCH, SAVER, GRANT)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("Please do this on your side: toggle data.", "toggle_data"),
        ("Could you toggle data saver, and tell me what you see?", "toggle_data_saver"),
        ("Please toggle data saver first, then toggle data.", "toggle_data_saver"),
        ("Please use toggle_data.", "toggle_data"),
    ],
)
def test_it_does_the_first_thing_that_it_is_told(content: str, name: str) -> None:
    told = told_call(content, TOOLS)
    assert told is not None
    assert (told.name, told.arguments, told.requestor) == (name, {}, "user")


@pytest.mark.parametrize(
    "content",
    [
        "Did you ever toggle data?",
        "I can toggle data for you. Do you confirm (yes/no)?",
        "Please tell me your name.",
        "Please grant permission.",
    ],
)
def test_it_does_nothing_that_it_is_not_told(content: str) -> None:
    assert told_call(content, TOOLS) is None


def test_without_tools_it_does_nothing() -> None:
    assert told_call("Please toggle data.", ()) is None


def test_arguments_follow_their_nouns() -> None:
    told = told_call("Please grant permission, with app mail_2, number of times 3.", TOOLS)
    assert told is not None
    assert told.arguments == {"app": "mail_2", "times": 3}


def test_it_reads_back_what_its_calls_showed() -> None:
    def seen(content: str) -> Message:
        return Message(role="tool", content=content, requestor="user")

    assert read_back([seen("on\n off"), seen("5G")]) == "on off 5G"
    assert read_back([]) == ""


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("Toggle data helped. Please grant permission, app mail.", "grant_permission"),
        ("Do not toggle data yet. Please toggle data saver.", "toggle_data_saver"),
        ("Please toggle data saver, and do not toggle data.", "toggle_data_saver"),
        ("Please do not toggle data; toggle data saver.", "toggle_data_saver"),
        ("Please do these steps:\n1. Toggle data\n2. Toggle data saver", "toggle_data"),
        ("Please do these steps:\n- Toggle data saver\n- Toggle data", "toggle_data_saver"),
        ("Did you toggle data? Please tell me.", None),
        ("Please tell me, did you toggle data already?", None),
        ("Please wait. Later you will have to toggle data.", None),
    ],
)
def test_what_is_only_mentioned_or_forbidden_is_not_done(content: str, name: str | None) -> None:
    told = told_call(content, TOOLS)
    assert (told.name if told else None) == name


CHOOSE = Tool(
    name="choose_network",
    description="",
    parameters={
        "properties": {"mode": {"type": "string", "enum": ["4g_only", "5g"]}},
        "required": ["mode"],
    },
    kind="write",
    nouns={"mode": "network"},
)


@pytest.mark.parametrize(
    ("word", "value"), [("5G", "5g"), ("4g_only", "4g_only"), ("6g", None), ("", None)]
)
def test_a_value_that_the_tool_does_not_have_is_none(word: str, value: str | None) -> None:
    told = told_call(f"Please choose network, network: {word}.", (CHOOSE,))
    assert (told.arguments["mode"] if told else None) == value


@pytest.mark.parametrize(
    ("word", "times"), [("2", 2), ("twice", None), ("true", None), ("2.5", None)]
)
def test_a_value_of_another_type_is_none(word: str, times: int | None) -> None:
    told = told_call(f"Please grant permission, app mail, number of times {word}.", (GRANT,))
    assert told is not None
    assert told.arguments.get("times") == times


@pytest.mark.parametrize("wording", ["plain", "varied"])
def test_it_understands_every_wording_of_the_teachers(wording: str) -> None:
    for words in AGENT[wording].instruct:  # type: ignore[index]
        told = told_call(words.format("grant permission, with app mail, number of times 2"), TOOLS)
        assert told is not None, words
        assert told.arguments == {"app": "mail", "times": 2}
