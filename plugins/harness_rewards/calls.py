"""Turn a conversation into its calls: who made each, when, and whether it failed or wrote."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.protocols import Domain
from harness.types import Requestor, ToolCall, Trajectory


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeCall:
    """One call as it went.

    ``turn`` is the index of its message, ``writes`` whether its tool changes records.
    """

    call: ToolCall
    by: Requestor
    turn: int
    failed: bool
    writes: bool


def made_calls(trajectory: Trajectory, writes: frozenset[str]) -> list[MadeCall]:
    """All calls of agent and user in order. One whose result is missing counts as failed.

    writes: the names of the tools that change records.
    """
    failed: dict[Requestor, Iterator[bool]] = {
        "agent": iter([m.is_error for m in trajectory.results]),
        "user": iter(
            [m.is_error for m in trajectory.messages if m.role == "tool" and m.requestor == "user"]
        ),
    }
    made = []
    for turn, message in enumerate(trajectory.messages):
        by: Requestor = "user" if message.role == "user" else "agent"
        for call in message.calls:
            made.append(
                MadeCall(
                    call=call,
                    by=by,
                    turn=turn,
                    failed=next(failed[by], True),
                    writes=call.name in writes,
                )
            )
    return made


def write_names(domain: Domain) -> frozenset[str]:
    """The names of the tools, the user's own included, that change records."""
    return frozenset(t.name for t in (*domain.tools, *domain.user_tools) if t.kind == "write")


def call_key(call: ToolCall) -> str:
    """Equal for calls that ask the same thing, whatever the order of listed items and 1 or 1.0.

    Lists of equal length in one call belong together (each item with its replacement), so their
    rows are reordered as one.
    """
    scalars = {name: v for name, v in call.arguments.items() if not isinstance(v, list)}
    lists = {name: v for name, v in call.arguments.items() if isinstance(v, list)}
    rows = []
    for length in sorted({len(column) for column in lists.values()}):
        names = sorted(name for name, column in lists.items() if len(column) == length)
        columns = [[_canonical(cell) for cell in lists[name]] for name in names]
        rows.append([names, sorted(zip(*columns, strict=True))])
    return f"{call.name} {_canonical(scalars)} {json.dumps(rows)}"


def matched(made: Iterable[ToolCall], wanted: Iterable[ToolCall]) -> int:
    """How many of the wanted calls were made, each counted once."""
    return (Counter(map(call_key, made)) & Counter(map(call_key, wanted))).total()


def _canonical(value: object) -> str:
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
