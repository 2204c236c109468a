"""Turn a message made of parts, as the AI SDK and Gemini have it, into those of other APIs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.types import Json


def from_parts(message: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    """A message for each part: what is said, a call, or the result of one."""
    parts = message.get("parts")
    for part in parts if isinstance(parts, list) else []:
        table = _table(part)
        kind = str(table.get("type") or "")
        if "toolCallId" in table:
            id, name = table["toolCallId"], table.get("toolName") or kind.removeprefix("tool-")
            yield _call(id, name, table.get("input", table.get("args")))
            if (failed := table.get("errorText")) or "output" in table:
                yield _result(id, failed or table["output"], is_error=bool(failed))
        elif call := _table(table.get("functionCall")):
            yield _call(call.get("id"), call.get("name"), call.get("args"))
        elif result := _table(table.get("functionResponse")):
            yield _result(result.get("id"), result.get("response"))
        elif kind != "step-start":
            yield {"role": message.get("role"), "content": [part]}


def _table(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _call(id: Json, name: Json, arguments: Json) -> dict[str, Json]:
    call: Json = {"id": id, "name": name, "arguments": arguments}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _result(id: Json, content: Json, *, is_error: bool = False) -> dict[str, Json]:
    return {"role": "tool", "tool_call_id": id, "content": content, "is_error": is_error}
