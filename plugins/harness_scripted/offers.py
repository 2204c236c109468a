"""Turn an agent's proposal into which of the things that the user wants, or wanted, it names."""

from __future__ import annotations

from typing import Literal

from harness.types import Fact, Json, Request, ToolCall
from harness_scripted.speech import mentions, normal


def recognise(text: str, request: Request) -> Literal["first", "last", ""]:
    """Whether a normalised text names what the user wanted "first" or wants at "last".

    "" where there is no change of mind, or where the text names neither by its values.
    """
    revision, want = request.revision, request.want
    if revision is None or want is None:
        return ""
    last, first = _own(want, revision.proposal), _own(revision.proposal, want)
    if last and all(mentions(text, [value]) for value in last):
        return "last"
    return "first" if first and all(mentions(text, [value]) for value in first) else ""


def revised_arguments(request: Request) -> frozenset[str]:
    """The arguments that the change of mind changes; empty if there is none."""
    if request.revision is None or request.want is None:
        return frozenset()
    one, other = request.revision.proposal.arguments, request.want.arguments
    return frozenset(k for k in {*one, *other} if one.get(k) != other.get(k))


def left_open(question: str, request: Request) -> list[Fact]:
    """The facts of which a question names both the right and a wrong value ("A or B?")."""
    if " or " not in question.replace("yes or no", ""):
        return []
    return [
        fact
        for fact in request.facts
        if mentions(question, fact.conflicts_with) and mentions(question, fact.recognised_by)
    ]


def _own(call: ToolCall, other: ToolCall) -> list[str]:
    """What tells a call from the other: the values only it has, and its name if they differ."""
    there = {text for value in other.arguments.values() for text in _texts(value)}
    own = [text for value in call.arguments.values() for text in _texts(value)]
    name = [normal(call.name)] if call.name != other.name else []
    return name + [text for text in own if text not in there]


def _texts(value: Json) -> list[str]:
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    return [normal(str(value))]
