"""Turn calls, changes and readings into the text of a finding."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from harness.types import Blame, Change, Json, Severity, Tool, ToolCall
from harness_scripted.reading import Made, Reading
from harness_scripted.speech import confirmed, normal


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One mistake that a rule found; ``turn`` is the index of the message in which it was made."""

    kind: str
    turn: int
    summary: str
    blame: Blame = "agent"
    severity: Severity = "major"
    tool: str = ""
    evidence: str = ""


def wrong_argument(reading: Reading, made: Made, wanted: ToolCall) -> Finding:
    """The finding that a call was for the wrong thing, named for the first such argument."""
    # Calls equal but for the order of their lists differ in the last, which is paired with another.
    names = differences(made.call, wanted) or list(made.call.arguments)[-1:]
    noun = plain_noun(made.tool, names[0])
    got, want = plain(made.call.arguments.get(names[0])), plain(wanted.arguments.get(names[0]))
    return Finding(
        kind=wrong(noun),
        turn=made.turn,
        tool=made.call.name,
        severity="critical",
        summary=f"{made.call.name} was made for {noun} {got}; the task wanted {want}.",
        evidence=difference(reading) + consent(reading, made),
    )


def invalid_call(made: Made) -> Finding:
    """The finding that a call was refused by its tool, or is to no tool at all."""
    error = made.result.content if made.result else "no result"
    summary = f"{show(made.call)} is not a call that works: {error}"
    return Finding(kind="invalid_call", turn=made.turn, tool=made.call.name, summary=summary)


def wrong(noun: str) -> str:
    """The mistake kind for a wrong thing: "payment method" -> "wrong_payment_method"."""
    return f"wrong_{noun.replace(' ', '_').lower()}"


def plain_noun(tool: Tool | None, argument: str) -> str:
    """The plain word for an argument, whether or not the tool exists."""
    return tool.noun(argument) if tool else normal(argument)


def differences(call: ToolCall, wanted: ToolCall) -> list[str]:
    """The arguments in which two calls differ, in the order of the first; lists count as sets."""
    names = dict.fromkeys([*call.arguments, *wanted.arguments])
    return [
        name
        for name in names
        if _unordered(call.arguments.get(name)) != _unordered(wanted.arguments.get(name))
    ]


def nearest(call: ToolCall, wanted: Sequence[ToolCall]) -> ToolCall | None:
    """The wanted call of the same tool with the fewest differences; None if there is none."""
    same_tool = [other for other in wanted if other.name == call.name]
    return min(same_tool, key=lambda other: len(differences(call, other)), default=None)


def show(call: ToolCall) -> str:
    """The call with the values of its arguments."""
    return f"{call.name}({', '.join(plain(value) for value in call.arguments.values())})"


def plain(value: Json) -> str:
    """A value as a sentence would quote it."""
    return value if isinstance(value, str) else json.dumps(value)


def difference(reading: Reading) -> str:
    """The first unwanted and the first missing change of the world, as text."""
    wanted, actual = reading.grade.wanted, reading.grade.actual
    only_made = [change for change in actual if change not in wanted]
    only_wanted = [change for change in wanted if change not in actual]
    parts = [f"made {_change(change)}" for change in only_made[:1]]
    parts += [f"wanted {_change(change)}" for change in only_wanted[:1]]
    return "; ".join(parts)


def consent(reading: Reading, made: Made) -> str:
    """A remark if a write was made without the user's yes; "" if there was one, or it is the
    user's own.
    """
    if made.call.requestor == "user":
        return ""
    asked = confirmed(reading.messages, made.turn)
    return "" if asked else "; the user had not said yes to it"


def _unordered(value: Json) -> object:
    return sorted(map(repr, value)) if isinstance(value, list) else value


def _change(change: Change) -> str:
    path = "/".join(change.path)
    return f"{path}: {plain(change.before)} -> {plain(change.after)}"
