"""Turn the messages of a chat, as the APIs of providers write them, into ours."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.llm.plain_json import loads, plain
from harness.protocols import UNPARSED
from harness.types import Ended, Json, Message, Tool, ToolCall
from harness_traces.parts import from_parts

SYSTEM = frozenset({"system", "developer"})
AGENT = frozenset({"assistant", "ai", "model", "agent", "bot"})
USER = frozenset({"user", "human", "customer"})
TOOL = frozenset({"tool", "function", "tool_result"})

_ERROR = re.compile(
    r"\s*(?:\W{0,3}(?:error|exception|traceback|failed|failure|invalid)\b|"
    r"HTTP/?[\d.]* [45]\d\d\b|could not\b|[A-Za-z.]*(?:Error|Exception)\s*[:(])",
    re.IGNORECASE,
)
_SAYS_ERROR = ("error", "errors", "exception", "is_error", "isError", "error_code", "errorCode")
_STATUS = ("status", "statusCode", "status_code", "code", "result", "outcome")
_FAILED = frozenset({"error", "failed", "failure", "fail"})
_BLOCKS = ("tool_use", "tool_result")
_LONGEST_ERROR = 20_000
"""A longer result is not looked at as JSON for errors."""


@dataclass(slots=True, kw_only=True)
class Chat:
    """Messages as they are read, what the system told, and what was odd, counted in words."""

    messages: list[Message] = field(default_factory=list)
    system: str = ""
    odd: Counter[str] = field(default_factory=Counter)

    @property
    def ended(self) -> Ended:
        """As the last message lets one guess."""
        last = next((m for m in reversed(self.messages)), None)
        if last is None or last.role == "tool" or last.calls:
            return "cut_short"
        return "user_stop" if last.role == "user" else "agent_stop"


def read_chat(messages: Sequence[Json]) -> Chat:
    """The conversation. Whatever is odd is kept as well as it can be, and counted.

    Raises ``ValueError`` with words for what is no list of messages.
    """
    chat = Chat()
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise ValueError(f"message {number} has no role")
        _add(chat, message)
    _count_unanswered(chat)
    return chat


def _add(chat: Chat, message: Mapping[str, Json]) -> None:
    if not message.get("content") and isinstance(message.get("parts"), list):
        for part in from_parts(message):
            _add(chat, part)
        return
    role = str(message["role"]).casefold()
    message, results = _without_blocks(message)
    for result in results:
        _add(chat, result)
    text = text_of(message.get("content"), chat.odd)
    if role in SYSTEM:
        chat.system = chat.system or text
    elif role in AGENT:
        refused = message.get("refusal")
        calls = tuple(_calls(message, chat.odd))
        said = text or (refused if isinstance(refused, str) else "")
        chat.messages.append(Message(role="assistant", content=said, calls=calls))
    elif role in TOOL:
        id = message.get("tool_call_id") or message.get("call_id") or ""
        flagged = message.get("is_error") is True or bool(message.get("error"))
        chat.messages.append(
            Message(
                role="tool",
                content=text,
                call_id=str(id),
                is_error=flagged or is_error(text),
            )
        )
    elif text or not results:
        if role not in USER:
            chat.odd[f"messages of the role {role[:20]!r}, read as the user's"] += 1
        chat.messages.append(Message(role="user", content=text))


def _without_blocks(
    message: Mapping[str, Json],
) -> tuple[Mapping[str, Json], list[dict[str, Json]]]:
    """A message whose content has blocks for calls and results, as Anthropic's API writes them, in
    the form of others: with its calls, and the results as messages of their own.
    """
    content = message.get("content")
    blocks = content if isinstance(content, list) else []
    kinds = [str(block.get("type")) if isinstance(block, dict) else "" for block in blocks]
    if not {*_BLOCKS} & {*kinds}:
        return message, []
    rest = [b for b, kind in zip(blocks, kinds, strict=True) if kind not in _BLOCKS]
    calls = [b for b, kind in zip(blocks, kinds, strict=True) if kind == "tool_use"]
    results: list[dict[str, Json]] = [
        {
            "role": "tool",
            "tool_call_id": block.get("tool_use_id"),
            "content": block.get("content"),
            "is_error": block.get("is_error"),
        }
        for block in blocks
        if isinstance(block, dict) and block.get("type") == "tool_result"
    ]
    plain_one: dict[str, Json] = {**message, "content": rest}
    return {**plain_one, "tool_calls": calls} if calls else plain_one, results


def text_of(content: Json, odd: Counter[str]) -> str:
    """The text of a message's content: a text, or parts of which those that are no text are named
    in brackets.
    """
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        return json.dumps(content, ensure_ascii=False)
    return "\n".join(filter(None, (_part(part, odd) for part in content)))


def _part(part: Json, odd: Counter[str]) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict):
        for name in ("text", "content", "refusal"):
            if isinstance(found := part.get(name), str):
                return "" if part.get("type") in ("reasoning", "thinking") else found
        if part.get("type") in ("reasoning", "thinking", "redacted_thinking"):
            return ""
        odd["parts of messages that are no text"] += 1
        return f"[{part.get('type', 'part')}]"
    return json.dumps(part)


def _calls(message: Mapping[str, Json], odd: Counter[str]) -> list[ToolCall]:
    listed = message.get("tool_calls")
    found = list(listed) if isinstance(listed, list) else []
    if isinstance(legacy := message.get("function_call"), dict):
        found.append({"id": "", "function": legacy})
    return [read_call(call, odd) for call in found]


def read_call(call: Json, odd: Counter[str]) -> ToolCall:
    """A call in OpenAI's form, or flat with name and arguments."""
    table = call if isinstance(call, dict) else {}
    inner = table.get("function")
    body = inner if isinstance(inner, dict) else table
    name = body.get("name") or inner
    if not isinstance(name, str) or not name:
        odd["calls without a name"] += 1
        name = "(nameless)"
    given = body.get("arguments", body.get("input", table.get("args")))
    id = table.get("id") or table.get("call_id") or ""
    return ToolCall(name=name, arguments=arguments_of(given, odd), id=str(id))


def arguments_of(given: Json, odd: Counter[str]) -> dict[str, Json]:
    """The arguments as an object; a text that is none is kept under ``UNPARSED``."""
    if given is None or given == "":
        return {}
    if isinstance(given, str):
        try:
            value = loads(given)
        except ValueError:
            value = given
        given = value
    if isinstance(given, dict):
        return dict(given)
    odd["calls whose arguments are no JSON object"] += 1
    return {UNPARSED: given if isinstance(given, str) else json.dumps(given)}


def is_error(text: str) -> bool:
    """Whether the result of a tool says that the call failed."""
    if text[:1] in "{[" and len(text) <= _LONGEST_ERROR:
        try:
            value = loads(text)
        except ValueError:
            return False
        if not isinstance(value, dict):
            return False
        if any(str(value.get(name)).casefold() == "false" for name in ("success", "ok")):
            return True
        if any(_is_failure(value.get(name)) for name in _STATUS):
            return True
        return any(value.get(name) not in (None, False, "", [], {}, 0) for name in _SAYS_ERROR)
    return bool(_ERROR.match(text))


def _is_failure(status: Json) -> bool:
    """Whether a status is a word for failure, or a code of HTTP for it."""
    if isinstance(status, str):
        return status.casefold() in _FAILED or re.fullmatch(r"[45][0-9]{2}", status) is not None
    return isinstance(status, int) and 400 <= status < 600


def read_tools(declared: Json) -> list[Tool]:
    """The tools in a list as a request to a provider has it; what is none is left out."""
    found = []
    for entry in declared if isinstance(declared, list) else []:
        inner = entry.get("function", entry) if isinstance(entry, dict) else None
        if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
            continue
        schema = inner.get("parameters", inner.get("input_schema", inner.get("inputSchema")))
        found.append(
            Tool(
                name=str(inner["name"]),
                description=str(inner.get("description") or ""),
                parameters=schema if isinstance(schema, dict) else {"type": "object"},
                kind="generic",
            )
        )
    return found


def _count_unanswered(chat: Chat) -> None:
    made = [call.id for m in chat.messages for call in m.calls]
    results = [m for m in chat.messages if m.role == "tool"]
    ids = set(made)
    stray = sum(bool(m.call_id) and m.call_id not in ids for m in results)
    stray = max(stray, len(results) - len(made))
    if stray:
        chat.odd["results without a call"] += stray
    if (missing := len(made) - (len(results) - stray)) > 0:
        chat.odd["calls without a result"] += missing


def plain_table(table: Mapping[str, Json]) -> dict[str, Json]:
    """The table as one that every part of a run can hold; what cannot be held is left out."""
    kept = {}
    for name, value in table.items():
        try:
            kept[str(name)] = plain(value)
        except ValueError:
            continue
    return kept
