"""Turn a chat request into one call of the Chat Completions API."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from harness.llm.cache import SameTools
from harness.llm.providers import Provider, body
from harness.llm.redirects import one_origin
from harness.llm.refusals import TEMPERATURE, Dispensable
from harness.protocols.chat_model import ChatRequest
from harness.types import Message
from harness_openai.answer import read

if TYPE_CHECKING:
    from httpx2 import Response
    from openai import AsyncOpenAI

TOO_LONG_IDS = Dispensable(
    name="long_ids",
    refusal=r"tool.?call.?id.{0,80}length of 9",
    instead="its calls have ids of nine letters and digits",
)
"""Mistral's own rule: docs.mistral.ai, function calling."""

DISPENSABLE = (
    TEMPERATURE,
    Dispensable(name="seed"),
    Dispensable(
        name="max_completion_tokens",
        instead="max_tokens is sent in its place",
    ),
    Dispensable(name="max_tokens", after="max_completion_tokens"),
    Dispensable(
        name="system",
        refusal=r"(system|developer).{0,12}role|role.{0,40}\b(system|developer)\b",
        instead="the instructions are in the user's first message",
    ),
    Dispensable(
        name="null_content",
        refusal=r"content.{0,120}(none|null|nil|valid string|must be a string|expected a string)",
        instead='content beside calls is ""',
    ),
    TOO_LONG_IDS,
)


def connect(key: str, base_url: str) -> AsyncOpenAI:
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    client = DefaultAsyncHttpxClient(event_hooks=one_origin())
    return AsyncOpenAI(
        api_key=key, base_url=base_url or None, max_retries=0, timeout=3600, http_client=client
    )


async def ask(client: AsyncOpenAI, request: ChatRequest) -> Response:
    from httpx2 import Response

    limit = "max_tokens" if "max_completion_tokens" in request.omit else "max_completion_tokens"
    said = body(
        request,
        model=request.model,
        messages=_messages(request),
        seed=request.seed % 2**31,
        temperature=request.temperature,
        tools=_declared(SameTools(request.tools)),
        **{limit: request.max_tokens},
    )
    return await client.post("/chat/completions", body=said, cast_to=Response)


@lru_cache(maxsize=64)
def _declared(offered: SameTools) -> list[dict[str, Any]]:
    return [tool.schema() for tool in offered.tools]


def _messages(request: ChatRequest) -> list[dict[str, Any]]:
    plain = [_plain(message, request.omit) for message in request.messages]
    if not request.system:
        return plain
    if "system" not in request.omit:
        return [{"role": "system", "content": request.system}, *plain]
    first = plain[0]["content"] if plain and plain[0]["role"] == "user" else ""
    joined = {"role": "user", "content": f"{request.system}\n\n{first}".strip()}
    return [joined, *plain[1 if first else 0 :]]


def _plain(message: Message, omit: frozenset[str]) -> dict[str, Any]:
    if message.role == "tool":
        said = {"role": "tool", "content": message.content}
        return {**said, "tool_call_id": _id(message.call_id, omit)}
    plain: dict[str, Any] = {"role": message.role, "content": message.content}
    if not message.calls:
        return plain
    # Beside calls some servers refuse a text that is empty, and some that there is none.
    if not message.content and "null_content" not in omit:
        plain["content"] = None
    plain["tool_calls"] = [
        {
            "id": _id(call.id, omit),
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
        }
        for call in message.calls
    ]
    if message.opaque is not None:
        kept: Any = message.opaque.value
        plain |= kept["message"]
        for call, extra in zip(plain["tool_calls"], kept["calls"], strict=True):
            call |= extra
    return plain


def _id(id: str, omit: frozenset[str]) -> str:
    """The id of a call as the server takes it: always the same for the same."""
    is_short = TOO_LONG_IDS.name in omit
    return hashlib.sha256(id.encode()).hexdigest()[:9] if is_short else id


openai = Provider(
    name="openai",
    sdk="openai",
    requirement="errata-harness[openai]",
    model="gpt-4.1",
    keys=("OPENAI_API_KEY",),
    address="OPENAI_BASE_URL",
    keyless=True,
    limits=("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    dispensable=DISPENSABLE,
    connect=connect,
    ask=ask,
    read=read,
    close=lambda client: client.close(),
)
