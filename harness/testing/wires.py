"""Turn a scripted reply into the JSON that a provider of chat models would send, and its requests
into something that a script can read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.protocols.chat_model import UNPARSED
from harness.types import ToolCall, Usage

Wire = Literal["claude", "openai", "gemini"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it arrived: ``turns`` are (role, text) with tool calls and results as JSON.

    ``tools`` are names; ``body`` and ``headers`` (lower case) are what was sent.
    """

    model: str
    system: str
    turns: tuple[tuple[str, str], ...]
    tools: tuple[str, ...]
    body: Mapping[str, Any]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server is to answer.

    ``stop`` "" is derived from the calls. A ``status`` other than 200 sends ``error`` as the
    provider words errors. ``seconds``: how long it takes. ``raw``: this body instead; ``cut``: the
    connection is reset in the middle of the body.
    """

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    stop: Literal["", "end", "tools", "length", "refusal"] = ""
    usage: Usage = field(default_factory=lambda: Usage(tokens_in=10, tokens_out=5))
    status: int = 200
    error: str = "something went wrong"
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    raw: bytes | None = None
    cut: bool = False

    @property
    def stopped(self) -> str:
        return self.stop or ("tools" if self.calls else "end")


def asked(wire: Wire, path: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> Asked:
    """The request in the words that all providers share."""
    model, system, turns, tools = _READERS[wire](path, body)
    return Asked(
        model=model, system=system, turns=tuple(turns), tools=tuple(tools), body=body,
        headers=headers,
    )  # fmt: skip


def spoken(wire: Wire, question: Asked, reply: Reply) -> dict[str, Any]:
    """The JSON body of the reply."""
    if reply.status != 200:
        return _ERRORS[wire](reply)
    return _WRITERS[wire](question, reply)


Read = tuple[str, str, list[tuple[str, str]], list[str]]


def _read_claude(path: str, body: Mapping[str, Any]) -> Read:
    system = body.get("system", "")
    if not isinstance(system, str):
        system = "\n".join(block["text"] for block in system)
    turns = []
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        texts = [b["text"] if b["type"] == "text" else json.dumps(b) for b in blocks]
        turns.append((message["role"], "\n".join(texts)))
    return body["model"], system, turns, [tool["name"] for tool in body.get("tools", ())]


def _write_claude(question: Asked, reply: Reply) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": reply.text}] if reply.text else []
    content += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.arguments)}
        for call in reply.calls
    ]
    reasons = {"end": "end_turn", "tools": "tool_use", "length": "max_tokens"}
    used = reply.usage
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": question.model,
        "content": content,
        "stop_reason": reasons.get(reply.stopped, reply.stopped),
        "stop_sequence": None,
        "usage": {
            "input_tokens": used.tokens_in - used.tokens_cached,
            "cache_read_input_tokens": used.tokens_cached,
            "cache_creation_input_tokens": 0,
            "output_tokens": used.tokens_out,
        },
    }


def _claude_error(reply: Reply) -> dict[str, Any]:
    kinds = {
        400: "invalid_request_error", 401: "authentication_error", 402: "billing_error",
        404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error",
    }  # fmt: skip
    kind = reply.code or kinds.get(reply.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": reply.error}}


def _read_openai(path: str, body: Mapping[str, Any]) -> Read:
    messages = body["messages"]
    system = "\n".join(m["content"] for m in messages if m["role"] in ("system", "developer"))
    turns = []
    for message in messages:
        if message["role"] in ("system", "developer"):
            continue
        calls = [json.dumps(call) for call in message.get("tool_calls", ())]
        text = message.get("content") or ""
        turns.append((message["role"], "\n".join([text, *calls] if text else calls)))
    tools = [tool["function"]["name"] for tool in body.get("tools", ())]
    return body["model"], system, turns, tools


def _write_openai(question: Asked, reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None, "refusal": None}
    if reply.calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": call.arguments.get(UNPARSED) or json.dumps(dict(call.arguments)),
                },
            }
            for call in reply.calls
        ]
    reasons = {"end": "stop", "tools": "tool_calls", "refusal": "content_filter"}
    used = reply.usage
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": question.model,
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": reasons.get(reply.stopped, reply.stopped),
            }
        ],
        "usage": {
            "prompt_tokens": used.tokens_in,
            "completion_tokens": used.tokens_out,
            "total_tokens": used.tokens_in + used.tokens_out,
            "prompt_tokens_details": {"cached_tokens": used.tokens_cached},
        },
    }


def _openai_error(reply: Reply) -> dict[str, Any]:
    error = {"message": reply.error, "type": "error", "param": None, "code": reply.code or None}
    return {"error": error}


def _read_gemini(path: str, body: Mapping[str, Any]) -> Read:
    model = path.rpartition("/models/")[2].partition(":")[0]
    system = "\n".join(
        p.get("text", "") for p in body.get("systemInstruction", {}).get("parts", ())
    )
    turns = [
        (content.get("role", "user"), "\n".join(p.get("text") or json.dumps(p) for p in parts))
        for content in body["contents"]
        if (parts := content["parts"])
    ]
    declared = [d for tool in body.get("tools", ()) for d in tool.get("functionDeclarations", ())]
    return model, system, turns, [declaration["name"] for declaration in declared]


def _write_gemini(question: Asked, reply: Reply) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"text": reply.text}] if reply.text else []
    parts += [
        {"functionCall": {"id": call.id, "name": call.name, "args": dict(call.arguments)}}
        for call in reply.calls
    ]
    reasons = {"end": "STOP", "tools": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}
    used = reply.usage
    return {
        "candidates": [
            {
                "content": {"role": "model", "parts": parts},
                "finishReason": reasons[reply.stopped],
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": used.tokens_in,
            "candidatesTokenCount": used.tokens_out,
            "cachedContentTokenCount": used.tokens_cached,
            "totalTokenCount": used.tokens_in + used.tokens_out,
        },
        "modelVersion": question.model,
    }


def _gemini_error(reply: Reply) -> dict[str, Any]:
    error = {"code": reply.status, "message": reply.error, "status": reply.code or "UNKNOWN"}
    delay = reply.headers.get("retry-after")
    if delay is None:
        return {"error": error}
    kind = "type.googleapis.com/google.rpc.RetryInfo"
    return {"error": {**error, "details": [{"@type": kind, "retryDelay": f"{delay}s"}]}}


_READERS: Mapping[Wire, Callable[[str, Mapping[str, Any]], Read]] = {
    "claude": _read_claude, "openai": _read_openai, "gemini": _read_gemini,
}  # fmt: skip
_WRITERS: Mapping[Wire, Callable[[Asked, Reply], dict[str, Any]]] = {
    "claude": _write_claude, "openai": _write_openai, "gemini": _write_gemini,
}  # fmt: skip
_ERRORS: Mapping[Wire, Callable[[Reply], dict[str, Any]]] = {
    "claude": _claude_error, "openai": _openai_error, "gemini": _gemini_error,
}  # fmt: skip
