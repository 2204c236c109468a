"""Turn a conversation into the calls made in it, and into counts of how the agent behaved."""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.protocols import Domain
from harness.types import Message, Requestor, ToolCall, Trajectory

CHARACTERS_PER_TOKEN = 4
"""Where a policy reports no tokens, they are guessed from what it wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeCall:
    """One call as it went.

    ``turn`` is the index of its message, ``answer`` what came back ("" if nothing did), ``writes``
    whether its tool changes records.
    """

    call: ToolCall
    by: Requestor
    turn: int
    failed: bool
    answer: str
    writes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How the agent behaved in one conversation: counts of its messages, tokens and calls.

    ``invalid`` calls failed, and not only at first; ``repeated`` are as in ``repeats``; ``writes``
    succeeded. ``refused``: it said that it cannot and wrote nothing; ``transferred``: it handed the
    user over.
    """

    turns: int
    tokens: int
    calls: int
    invalid: int
    repeated: int
    writes: int
    refused: bool
    transferred: bool


def behaviour(trajectory: Trajectory, domain: Domain) -> Behaviour:
    """The counts of a conversation."""
    made = made_calls(trajectory, write_names(domain))
    own = [m for m in made if m.by == "agent"]
    said = [m for m in trajectory.messages[1:] if m.role == "assistant"]
    writes = sum(m.writes and not m.failed for m in own)
    return Behaviour(
        turns=len(said),
        tokens=agent_tokens(trajectory),
        calls=len(own),
        invalid=sum(m.failed for m in own) - len(passing_failures(made)),
        repeated=repeats(made),
        writes=writes,
        refused=not writes and any(_REFUSES.search(m.content.lower()) for m in said),
        transferred=trajectory.ended == "transfer",
    )


def made_calls(trajectory: Trajectory, writes: frozenset[str]) -> list[MadeCall]:
    """All calls of agent and user in order. One whose result is missing counts as failed.

    writes: the names of the tools that change records.
    """
    made: list[MadeCall] = []
    answers: dict[Requestor, deque[Message]] = {"agent": deque(), "user": deque()}
    for message in trajectory.messages:
        if message.role == "tool":
            answers[message.requestor].append(message)
    for turn, message in enumerate(trajectory.messages):
        by: Requestor = "user" if message.role == "user" else "agent"
        for call in message.calls:
            answer = answers[by].popleft() if answers[by] else None
            made.append(
                MadeCall(
                    call=call,
                    by=by,
                    turn=turn,
                    failed=answer is None or answer.is_error,
                    answer=answer.content if answer else "",
                    writes=call.name in writes,
                )
            )
    return made


def repeats(made: Sequence[MadeCall]) -> int:
    """How many of the agent's calls repeat an earlier one and bring nothing new.

    A look-up repeats one that got the same answer, unless something was written in between. A write
    repeats an equal one whenever that was made, and then does not count as something written: to
    undo and redo is a cycle. Failures that passed are free.
    """
    count = 0
    written: set[Hashable] = set()
    seen: set[tuple[Hashable, str]] = set()
    free = passing_failures(made)
    for at, one in enumerate(made):
        key = call_key(one.call)
        again = key in written
        if one.by == "agent" and at not in free:
            count += again or (key, one.answer) in seen
            seen.add((key, one.answer))
        if one.writes and not one.failed:
            if one.by == "user" or not again:
                seen.clear()
            if one.by == "agent":
                written.add(key)
    return count


def passing_failures(made: Sequence[MadeCall]) -> set[int]:
    """The places of the agent's failed calls that went well when made again, though nothing was
    written in between: the fault was the tool's.
    """
    found: set[int] = set()
    if not any(one.failed for one in made):
        return found
    failed: dict[Hashable, list[int]] = {}
    for at, one in enumerate(made):
        if one.by == "agent" and one.failed:
            failed.setdefault(call_key(one.call), []).append(at)
        elif one.by == "agent":
            found.update(failed.pop(call_key(one.call), ()))
        if one.writes and not one.failed:
            failed.clear()
    return found


def agent_tokens(trajectory: Trajectory) -> int:
    """The tokens the policy reported, or a quarter of the characters it wrote if it reported
    none.
    """
    usage = trajectory.usage.get("agent")
    if usage is not None and usage.tokens_out:
        return usage.tokens_out
    written = [m.content for m in trajectory.messages[1:] if m.role == "assistant"]
    called = [f"{call.name}{json.dumps(dict(call.arguments))}" for call in trajectory.calls]
    return sum(map(len, [*written, *called])) // CHARACTERS_PER_TOKEN


def write_names(domain: Domain) -> frozenset[str]:
    """The names of the tools, the user's own included, that change records."""
    return frozenset(t.name for t in (*domain.tools, *domain.user_tools) if t.kind == "write")


def call_key(call: ToolCall) -> Hashable:
    """Equal for calls that ask the same thing, whatever the order of listed items and 1 or 1.0.

    Lists of equal length in one call belong together (each item with its replacement), so their
    rows are reordered as one.
    """
    lists = {name: v for name, v in call.arguments.items() if isinstance(v, list)}
    if not lists:
        return call.name, _frozen(call.arguments)
    scalars = {name: v for name, v in call.arguments.items() if name not in lists}
    rows = []
    for length in sorted({len(column) for column in lists.values()}):
        names = sorted(name for name, column in lists.items() if len(column) == length)
        columns = [[_frozen(cell) for cell in lists[name]] for name in names]
        rows.append((tuple(names), tuple(sorted(zip(*columns, strict=True), key=repr))))
    return call.name, _frozen(scalars), tuple(rows)


def matched(made: Iterable[ToolCall], wanted: Iterable[ToolCall]) -> int:
    """How many of the wanted calls were made, each counted once."""
    return (Counter(map(call_key, made)) & Counter(map(call_key, wanted))).total()


def _frozen(value: object) -> Hashable:
    """A JSON value that can be hashed; equal numbers are equal, and none equals a truth value."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "{}", tuple((name, _frozen(value[name])) for name in sorted(value))
    if isinstance(value, list):
        return "[]", tuple(map(_frozen, value))
    if isinstance(value, float):
        return int(value) if value.is_integer() else repr(value), "number"
    return (value, "truth") if isinstance(value, bool) else (value, "number")


_REFUSES = re.compile(
    r"\b(?:sorry|unfortunately|cannot|can't|can not|unable|won't|not (?:able|possible|allowed))\b"
)
