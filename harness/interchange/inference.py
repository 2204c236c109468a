"""Turn recorded calls and results into tools: what arguments they take, whether they change
something, and why that is thought.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.protocols import UNPARSED
from harness.types import Episode, Json, Message, Tool, ToolCall, ToolKind

CLOSED = 12
"""A text argument with at most so many different values, each seen twice or more on average, is
taken for one of a closed list.
"""

_READS = (
    "get", "list", "find", "search", "look", "lookup", "read", "fetch", "show", "query", "check",
    "view", "describe", "count", "calculate", "compute", "browse", "retrieve", "think", "track",
    "inspect", "verify", "validate", "estimate", "compare", "is", "has",
)  # fmt: skip
_WRITES = (
    "create", "add", "update", "modify", "change", "set", "delete", "remove", "cancel", "book",
    "order", "send", "return", "exchange", "refund", "pay", "charge", "submit", "post", "put",
    "write", "insert", "move", "apply", "assign", "schedule", "reserve", "approve", "close", "open",
    "reset", "enable", "disable", "issue", "transfer", "edit", "save", "place", "buy", "purchase",
    "confirm", "register", "upload", "start", "stop", "resolve", "escalate", "replace", "grant",
    "revoke", "lock", "unlock", "block", "unblock", "wipe", "provision", "install", "uninstall",
    "restart", "reboot", "renew", "extend", "waive", "redeem", "make", "suspend", "resume",
    "activate", "deactivate", "dispatch", "execute", "mark", "rebook", "reassign", "archive",
    "publish", "invite", "subscribe", "unsubscribe", "notify", "checkin", "checkout",
)  # fmt: skip
_NOUNS = frozenset({"order", "refund", "return", "transfer", "open", "book", "charge"})
"""Verbs that are nouns before one of ``_THINGS``."""

_THINGS = frozenset(
    {"status", "policy", "policies", "hours", "details", "info", "history", "balance", "price"}
)
"""What a tool tells of whose name is that of a thing, such as "order_status"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferredTool:
    """A tool, how often it was called and failed, and why it is thought to read or to write.

    ``declared``: the file says its schema. ``sure``: the reason is more than a guess.
    """

    tool: Tool
    calls: int
    errors: int
    why: str
    sure: bool
    declared: bool


_Seen = list[tuple[ToolCall, Message | None]]
"""All calls of one tool, each with its result."""


def infer_tools(episodes: Iterable[Episode], declared: Sequence[Tool] = ()) -> list[InferredTool]:
    """The tools that the conversations call, and those declared, by name.

    Schemas are those declared, or else what all calls without an error have in common.
    """
    seen: dict[str, _Seen] = {}
    for episode in episodes:
        for call, result in answered(episode.trajectory.messages):
            seen.setdefault(call.name, []).append((call, result))
    known = {tool.name: tool for tool in declared}
    return [
        _inferred(name, seen.get(name, []), known.get(name)) for name in sorted({*seen, *known})
    ]


def answered(messages: Sequence[Message]) -> Iterator[tuple[ToolCall, Message | None]]:
    """Each call of the agent with its result; None where there is none.

    By the call's id, and where there is none, in order.
    """
    for at, message in enumerate(messages):
        if message.role != "assistant" or not message.calls:
            continue
        following = []
        for later in messages[at + 1 :]:
            if later.role != "tool":
                break
            following.append(later)
        for number, call in enumerate(message.calls):
            matching = [m for m in following if call.id and m.call_id == call.id]
            in_order = following[number : number + 1] if not matching else matching[:1]
            yield call, in_order[0] if in_order else None


def _inferred(name: str, seen: _Seen, declared: Tool | None) -> InferredTool:
    failed = sum(result is not None and result.is_error for _, result in seen)
    good = [call for call, result in seen if result is None or not result.is_error]
    kind, why, sure = _kind(name, declared, seen)
    parameters = declared.parameters if declared else schema_of(good)
    return InferredTool(
        tool=Tool(
            name=name,
            description=declared.description if declared else "",
            parameters=parameters,
            kind=kind,
        ),
        calls=len(seen),
        errors=failed,
        why=why,
        sure=sure,
        declared=declared is not None,
    )


def _kind(name: str, declared: Tool | None, seen: _Seen) -> tuple[ToolKind, str, bool]:
    """Whether the tool reads or writes, why, and whether that is more than a guess."""
    if declared is not None and declared.kind != "generic":
        return declared.kind, "the file says so", True
    words = [word.casefold() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)]
    if words and words[-1] in _THINGS and words[0] in _NOUNS:
        return "read", f"its name is that of a thing, {words[-1]!r}", False
    for word in words:
        if word in _READS:
            return "read", f"its name says {word!r}", words[0] == word
        if word in _WRITES:
            return "write", f"its name says {word!r}", words[0] == word
    if _answers_differ(seen):
        return "write", "the same call was answered in different ways", False
    return "read", "nothing says that it changes anything", False


def _answers_differ(seen: _Seen) -> bool:
    answers: dict[str, str] = {}
    for call, result in seen:
        key = json.dumps(dict(call.arguments), sort_keys=True)
        if result and answers.setdefault(key, result.content) != result.content:
            return True
    return False


# --- schemas --------------------------------------------------------------------------------------


def schema_of(calls: Sequence[ToolCall]) -> dict[str, Json]:
    """The JSON schema that all these calls fit: types, what is always there, closed lists."""
    objects = [dict(c.arguments) for c in calls if UNPARSED not in c.arguments]
    return _object_schema(objects)


def _object_schema(objects: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    values: dict[str, list[Json]] = {}
    for one in objects:
        for name, value in one.items():
            values.setdefault(name, []).append(value)
    required: list[Json] = [n for n, found in values.items() if len(found) == len(objects)]
    properties: dict[str, Json] = {name: value_schema(found) for name, found in values.items()}
    schema: dict[str, Json] = {"type": "object", "properties": properties}
    return {**schema, "required": required} if required else schema


def value_schema(values: Sequence[Json]) -> dict[str, Json]:
    """The JSON schema that all these values fit."""
    names = sorted({_type(value) for value in values})
    if names == ["integer", "number"]:
        names = ["number"]
    types: Json = names[0] if len(names) == 1 else list[Json](names)
    schema: dict[str, Json] = {"type": types} if names else {}
    if names == ["object"]:
        return _object_schema([value for value in values if isinstance(value, dict)])
    if names == ["array"]:
        items = [item for value in values if isinstance(value, list) for item in value]
        return {**schema, "items": value_schema(items)} if items else schema
    if names == ["string"] and (closed := closed_list(values)):
        schema["enum"] = list[Json](closed)
    return schema


def closed_list(values: Sequence[Json]) -> list[str]:
    """The different texts, if they look like a closed list of words; else []."""
    counts = Counter(value for value in values if isinstance(value, str))
    words = all(re.fullmatch(r"[^\W\d][\w -]{0,30}", value) for value in counts)
    few = 1 < len(counts) <= CLOSED and sum(counts.values()) >= 5 * len(counts)
    return sorted(counts) if few and words and min(counts.values()) > 1 else []


def _type(value: Json) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    return "null" if value is None else "object"
