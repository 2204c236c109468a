"""Turn a trajectory into the messages of OpenAI's chat API, as its agent saw them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from harness.types import Json, Message, Recording, ToolCall, Trajectory

Row = dict[str, Json]


def chat_messages(trajectory: Trajectory, system: str = "") -> list[Row]:
    """The messages in order, after the policy text if there is one. The user's own tool calls are
    left out: the agent does not see them. A call without an id gets one.
    """
    rows: list[Row] = [{"role": "system", "content": system}] if system else []
    pending: list[str] = []
    for place, message in enumerate(trajectory.messages):
        if message.role == "tool":
            if message.requestor == "agent":
                rows.append(_result(message, pending))
        elif message.role == "assistant":
            ids = [call.id or f"call_{place}_{n}" for n, call in enumerate(message.calls)]
            pending += ids
            rows.append(_turn(message, ids))
        elif message.content or not message.calls:
            rows.append({"role": "user", "content": message.content})
    return rows


def trained(rows: Sequence[Row]) -> list[Row]:
    """The messages up to the agent's last: what comes after it teaches nothing."""
    places = [place for place, row in enumerate(rows) if row["role"] == "assistant"]
    return list(rows[: places[-1] + 1]) if places else []


def tool_schemas(recording: Recording) -> list[Json]:
    """The agent's tools in OpenAI's function format; [] if the recording does not say."""
    return [tool.schema() for tool in recording.tools]


def call_text(call: ToolCall) -> str:
    """The arguments as the JSON text that the API has them in."""
    return json.dumps(dict(call.arguments), ensure_ascii=False)


def _turn(message: Message, ids: Sequence[str]) -> Row:
    row: Row = {"role": "assistant", "content": message.content}
    if message.calls:
        row["tool_calls"] = [
            {
                "id": id,
                "type": "function",
                "function": {"name": call.name, "arguments": call_text(call)},
            }
            for id, call in zip(ids, message.calls, strict=True)
        ]
    return row


def _result(message: Message, pending: list[str]) -> Row:
    """The result of the call it names, or else of the first that has none yet."""
    id = message.call_id if message.call_id in pending or not pending else pending[0]
    if id in pending:
        pending.remove(id)
    return {"role": "tool", "tool_call_id": id, "content": message.content}
