"""Turn what an agent tells the user to do on its own device into a call, and back into words."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from harness.types import Json, Message, Tool, ToolCall
from harness_scripted.speech import hear, mentions, normal, split_sentences

_TELLS = re.compile(
    r"\b(?:please|could you|can you|i need you to|go ahead and|try to)\b"
    r"|\bon your (?:side|end|phone|device)\b"
)

_BEFORE_OTHERS = re.compile(
    r"\b(?:not|don't|never|without|instead of|did you|have you|had you)\b[^,;:]*$"
)
"""What stands before a deed that is not to be done, or that was."""


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

    A tool goes by its name in words, in a sentence that tells to do something, or at the start of a
    later one. Its arguments follow their nouns ("permission sms"); a call that lacks one, or names
    a value that the tool does not have, is none.
    """
    if not tools or hear(content).proposes or not tells(content):
        return None
    sentences, told = split_sentences(content), False
    for number, sentence in enumerate(sentences):
        text = normal(sentence).lstrip("-*• ")
        tells_here = bool(_TELLS.search(text))
        named = _named(text, tools)
        if named and (tells_here or (told and text.startswith(normal(named.name)))):
            return _call(named, " ".join(sentences[number:]))
        told = told or tells_here
    return None


def _named(sentence: str, tools: Sequence[Tool]) -> Tool | None:
    """The first tool that a normalised sentence names, but for what is not to be done."""
    found: list[tuple[int, int, Tool]] = []
    for tool in tools:
        name = normal(tool.name)
        if mentions(sentence, [name]):
            place = sentence.index(name)
            if not _BEFORE_OTHERS.search(sentence[:place]):
                found.append((place, -len(name), tool))  # of names that begin alike, the longest
    return min(found, key=lambda one: one[:2])[2] if found else None


def read_back(results: Sequence[Message]) -> str:
    """What the user's calls showed, in one line."""
    return " ".join(" ".join(result.content.split()) for result in results)


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
    options = cast("Sequence[Json]", schema.get("enum", ()))
    if options:
        return next((one for one in options if normal(str(one)) == normal(word)), None)
    kind = _KINDS.get(str(schema.get("type")))
    if kind is None:
        return word
    try:
        value = cast(Json, json.loads(word))
    except ValueError:
        return None
    return value if type(value) in kind else None


_KINDS: Mapping[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
