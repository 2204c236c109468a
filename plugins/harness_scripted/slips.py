"""Turn a correct call into a near miss: a misread id, or a value that the user will not accept."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.types import Fact, Json, Message, Request, Tool, ToolCall
from harness_scripted.speech import contradicts, normal


def misread(call: ToolCall, rng: random.Random) -> ToolCall | None:
    """The call with one digit of one argument changed; None if no argument has a digit."""
    spots = [
        (name, match.start())
        for name, value in call.arguments.items()
        if isinstance(value, str)
        for match in re.finditer(r"\d", value)
    ]
    if not spots:
        return None
    name, at = rng.choice(spots)
    value = str(call.arguments[name])
    return with_argument(call, name, _other_digit(value, at, rng))


def misspelt(text: str, rng: random.Random) -> str:
    """The text with one of its digits changed; "" if it has none."""
    spots = [match.start() for match in re.finditer(r"\d", text)]
    if not spots:
        return ""
    return _other_digit(text, rng.choice(spots), rng)


def mistaken(
    call: ToolCall, request: Request, tool: Tool, messages: Sequence[Message]
) -> ToolCall | None:
    """The call with one value that conflicts with what the user knows; None if none can be found.

    Values come from the tool's own enumerations and from what look-ups have shown.
    """
    for fact in request.facts:
        for name in fact.needed_for:
            value = call.arguments.get(name)
            if not isinstance(value, str) or not fact.conflicts_with:
                continue
            shown = [text for m in messages if m.role == "tool" for text in strings(m.content)]
            for other in (*options(tool, name), *dict.fromkeys(shown)):
                if _is_alike(value, other) and _refuted(fact, other):
                    return with_argument(call, name, other)
    return None


def with_argument(call: ToolCall, name: str, value: Json) -> ToolCall:
    """The call with one argument replaced."""
    return replace(call, arguments={**call.arguments, name: value})


def options(tool: Tool, argument: str) -> list[str]:
    """The values that the tool's schema enumerates for an argument; [] if it does not."""
    properties = tool.parameters.get("properties")
    schema = properties.get(argument) if isinstance(properties, Mapping) else None
    values = schema.get("enum") if isinstance(schema, Mapping) else None
    return [str(value) for value in values] if isinstance(values, list) else []


def strings(content: str) -> list[str]:
    """The quoted strings of a tool's answer, keys included, in order."""
    return _QUOTED.findall(content)


def _other_digit(text: str, at: int, rng: random.Random) -> str:
    digit = str((int(text[at]) + rng.randint(1, 9)) % 10)
    return text[:at] + digit + text[at + 1 :]


def _is_alike(value: str, other: str) -> bool:
    return bool(_DIGIT.search(value)) == bool(_DIGIT.search(other)) and other != value


def _refuted(fact: Fact, value: str) -> bool:
    return contradicts(normal(value), fact)


_QUOTED = re.compile(r'"([^"\\]{1,48})"')
_DIGIT = re.compile(r"\d")
