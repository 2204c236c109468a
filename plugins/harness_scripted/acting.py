"""Turn what an agent tells the user to do on its own device into a call, and back into words."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from harness.types import Json, Message, Tool, ToolCall
from harness_scripted.speech import hear, mentions, normal

_TELLS = re.compile(
    r"\b(?:please|could you|can you|i need you to|go ahead and|try to)\b"
    r"|\bon your (?:side|end|phone|device)\b"
)


@dataclass(frozen=True, slots=True)
class Deed:
    """What a user does when it is told to do something: calls, or else only words.

    ``strayed``: it knows that it may not have done what was meant.
    """

    calls: tuple[ToolCall, ...] = ()
    says: str = ""
    leaves: bool = False
    strayed: bool = False


def tells(content: str) -> bool:
    """Whether a message tells the user to do something."""
    return bool(_TELLS.search(hear(content).text))


def other_look(told: ToolCall, tools: Sequence[Tool], rng: random.Random) -> ToolCall | None:
    """A look at something else than what the user was told to look at; None if there is none."""
    looks = [
        tool
        for tool in tools
        if tool.kind == "read" and tool.name != told.name and not tool.parameters.get("required")
    ]
    return ToolCall(name=rng.choice(looks).name, arguments={}, requestor="user") if looks else None


def told_call(content: str, tools: Sequence[Tool]) -> ToolCall | None:
    """The first of the user's tools that a message tells it to use; None if it tells of none.

    A tool goes by its name in words. Its arguments follow their nouns ("permission sms"); a call
    that lacks one is none.
    """
    heard = hear(content)
    if not tools or heard.proposes or not _TELLS.search(heard.text):
        return None
    named = [tool for tool in tools if mentions(heard.text, [tool.name])]
    # Of names that begin alike, the longest is meant.
    named.sort(key=lambda tool: (heard.text.index(normal(tool.name)), -len(tool.name)))
    return _call(named[0], content) if named else None


def read_back(messages: Sequence[Message]) -> str:
    """What the user's last calls showed, in one line; "" if it has called nothing since the agent
    spoke.
    """
    shown: list[str] = []
    for message in reversed(messages):
        if message.role != "tool" or message.requestor != "user":
            break
        shown.append(" ".join(message.content.split()))
    return " ".join(reversed(shown))


def _call(tool: Tool, content: str) -> ToolCall | None:
    properties = cast("Mapping[str, Mapping[str, Json]]", tool.parameters.get("properties", {}))
    named = re.search(tool.name.replace("_", r"[_\s]+"), content, re.IGNORECASE)
    rest = content[named.end() :] if named else content
    found = {name: _value(tool.noun(name), schema, rest) for name, schema in properties.items()}
    given = {name: value for name, value in found.items() if value is not None}
    needed = cast("Sequence[str]", tool.parameters.get("required", ()))
    if any(name not in given for name in needed):
        return None
    return ToolCall(name=tool.name, arguments=given, requestor="user")


def _value(noun: str, schema: Mapping[str, Json], content: str) -> Json:
    told = re.search(rf"\b{re.escape(noun)}:? (\S+)", content, re.IGNORECASE)
    if told is None:
        return None
    word = told[1].strip(".,;:!?()'\"")
    if schema.get("type") not in ("integer", "number", "boolean"):
        return word
    try:
        return cast(Json, json.loads(word))
    except ValueError:
        return word
