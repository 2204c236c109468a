"""Answers of a provider that hold one key, at each place that its wire has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from harness.testing.wires import Reply, Wire

LONG = "x" * 470
"""So much stands before the key in some errors that it lies across the place where they are cut."""

STATUSES = (400, 408, 409, 413, 422, 429, 500, 503, 529)
FATAL = (401, 402, 403, 404)
HEADERS = (
    "retry-after", "retry-after-ms", "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests", "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset", "x-request-id", "request-id", "set-cookie",
    "www-authenticate", "server", "content-type",
)  # fmt: skip

_ARGUMENTS = {"order_id": "#W1", "items": ["a", {"deep": "b"}]}

WHOLE: Mapping[Wire, dict[str, Any]] = {
    "openai": {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "system_fingerprint": "f",
        "service_tier": "default",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "logprobs": None,
                "message": {
                    "role": "assistant",
                    "content": "Let me look.",
                    "refusal": None,
                    "reasoning_content": "They want an order.",
                    "reasoning_details": [{"type": "reasoning.text", "text": "Why?"}],
                    "annotations": [],
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "extra_content": {"google": {"thought_signature": "c2ln"}},
                            "function": {
                                "name": "get_order_details",
                                "arguments": json.dumps(_ARGUMENTS),
                            },
                        }
                    ],
                },
            }
        ],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 0},
        },
    },
    "claude": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [
            {"type": "thinking", "thinking": "They want an order.", "signature": "sig"},
            {"type": "redacted_thinking", "data": "data"},
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "toolu_1", "name": "get_order_details", "input": _ARGUMENTS},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 10,
            "cache_read_input_tokens": 0,
            "cache_creation_input_tokens": 0,
            "output_tokens": 5,
            "service_tier": "standard",
        },
    },
    "gemini": {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"text": "They want an order.", "thought": True},
                        {"text": "Let me look."},
                        {
                            "functionCall": {
                                "id": "c1",
                                "name": "get_order_details",
                                "args": _ARGUMENTS,
                            },
                            "thoughtSignature": "c2ln",
                        },
                    ],
                },
                "finishReason": "STOP",
                "finishMessage": "done",
                "safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "LOW"}],
                "index": 0,
            }
        ],
        "promptFeedback": {"blockReasonMessage": "none"},
        "usageMetadata": {
            "promptTokenCount": 10,
            "candidatesTokenCount": 5,
            "thoughtsTokenCount": 1,
            "cachedContentTokenCount": 0,
            "totalTokenCount": 16,
        },
        "modelVersion": "m",
        "responseId": "r",
    },
}


def echoes(wire: Wire, key: str) -> Iterator[Reply]:
    """An answer for each place of the wire: a value or the name of a field that is the key, or a
    text with it; a header; the body of an error. None of them stops a run.
    """
    whole = WHOLE[wire]
    for path in _places(whole):
        yield _raw(_put(whole, path, key))
        yield _raw(_put(whole, path, f"before {key} after"))
        if isinstance(path[-1], str):
            yield _raw(_renamed(whole, path, key))
    if wire == "openai":
        for text in (json.dumps({key: {"a": [key]}}), f'{{"a": "{key}', f'"{key}"', f"[{key}]"):
            path = ("choices", 0, "message", "tool_calls", 0, "function", "arguments")
            yield _raw(_put(whole, path, text))
    for name in HEADERS:
        yield Reply(raw=json.dumps(whole).encode(), headers={name: key})
        yield Reply(status=429, error="slow down", headers={name: key})
    for status in STATUSES:
        yield from _errors(status, key)
    yield Reply(raw=f"<html>{key}</html>".encode())
    yield Reply(raw=key.encode())
    yield Reply(raw=json.dumps({"error": {"message": key, "code": key}}).encode())
    yield Reply(raw=json.dumps(_put(whole, next(_places(whole)), key)).encode(), cut=True)


def fatal(key: str) -> Iterator[Reply]:
    """Those that do stop a run: each kind of body, and each status."""
    first, *others = FATAL
    yield from _errors(first, key)
    for status in others:
        yield next(_errors(status, key))


def _errors(status: int, key: str) -> Iterator[Reply]:
    for words in (f"Incorrect API key provided: {key}.", f"{LONG}{key}", key):
        yield Reply(status=status, error=words)
    yield Reply(status=status, error="no", code=key)
    yield Reply(status=status, raw=f"{LONG[:485]} {key}".encode())


def _raw(body: Any) -> Reply:
    return Reply(raw=json.dumps(body).encode())


Place = tuple[str | int, ...]


def _places(value: Any, path: Place = ()) -> Iterator[Place]:
    inside = (
        value.items() if isinstance(value, dict)
        else enumerate(value) if isinstance(value, list) else ()
    )  # fmt: skip
    for name, part in inside:
        yield (*path, name)
        yield from _places(part, (*path, name))


def _put(whole: Any, path: Place, value: Any) -> Any:
    changed = deepcopy(whole)
    _holder(changed, path)[path[-1]] = value
    return changed


def _renamed(whole: Any, path: Place, name: str) -> Any:
    changed = deepcopy(whole)
    holder = _holder(changed, path)
    holder[name] = holder.pop(path[-1])
    return changed


def _holder(value: Any, path: Place) -> Any:
    for name in path[:-1]:
        value = value[name]
    return value
