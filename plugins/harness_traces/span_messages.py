"""Turn the messages in spans of generative AI into ones in the form of OpenAI's chat API."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from harness.llm.plain_json import loads
from harness.types import Json

_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    "gen_ai.choice": "assistant",
}
"""Events of older conventions, and who speaks in them."""


def messages_of_parts(messages: Sequence[Json]) -> list[Json]:
    """Messages of parts: text, tool calls, responses of tools. Each response is a message."""
    return [made for message in messages if isinstance(message, dict) for made in _of(message)]


def messages_of_events(events: Sequence[tuple[str, Mapping[str, Json]]]) -> list[Json]:
    """Messages of older conventions: an event each, with its content in attributes."""
    found: list[Json] = []
    for name, attributes in events:
        role = _ROLES.get(name)
        if role is None:
            continue
        inner = _decoded(attributes.get("message"))
        body = {**attributes, **(inner if isinstance(inner, dict) else {})}
        content = body.get("content", body.get("gen_ai.event.content"))
        calls = as_list(body.get("tool_calls"))
        message: dict[str, Json] = {"role": role, "content": content}
        if calls:
            message["tool_calls"] = list(calls)
        if role == "tool":
            message["tool_call_id"] = body.get("id", "")
        found.append(message)
    return found


def as_list(value: Json) -> list[Json]:
    """The list, or the one that a JSON text holds; else []."""
    value = _decoded(value)
    return value if isinstance(value, list) else []


def _of(message: Mapping[str, Json]) -> list[Json]:
    role = str(message.get("role", "user"))
    if "parts" not in message:
        return [dict(message)]
    texts: list[str] = []
    calls: list[Json] = []
    answers: list[Json] = []
    for part in as_list(message.get("parts")):
        table = part if isinstance(part, dict) else {"type": "text", "content": part}
        kind = table.get("type")
        if kind == "tool_call":
            function: Json = {"name": table.get("name"), "arguments": table.get("arguments")}
            calls.append({"id": table.get("id") or "", "function": function})
        elif kind == "tool_call_response":
            given = table.get("response", table.get("result"))
            text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
            answers.append({"role": "tool", "tool_call_id": table.get("id") or "", "content": text})
        elif kind not in ("reasoning", "thinking"):
            content = table.get("content")
            texts.append(content if isinstance(content, str) else f"[{kind}]")
    if answers:
        return answers
    said: dict[str, Json] = {"role": role, "content": "\n".join(texts)}
    return [{**said, "tool_calls": calls} if calls else said]


def _decoded(value: Json) -> Json:
    if not isinstance(value, str):
        return value
    try:
        return loads(value)
    except ValueError:
        return value
