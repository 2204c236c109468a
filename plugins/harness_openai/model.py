"""Turn a chat request into one call of the Chat Completions API, and its answer into ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harness.chat import ChatReply, ChatRequest
from harness.llm.providers import Provider, arguments
from harness.types import Message, ToolCall, Usage

if TYPE_CHECKING:
    from httpx2 import Response
    from openai import AsyncOpenAI

STOPS = {"stop": "end", "tool_calls": "tools", "length": "length", "content_filter": "refusal"}


def connect(key: str, base_url: str) -> AsyncOpenAI:
    from openai import AsyncOpenAI

    return AsyncOpenAI(api_key=key, base_url=base_url or None, max_retries=0, timeout=3600)


async def ask(client: AsyncOpenAI, request: ChatRequest) -> Response:
    from httpx2 import Response

    system = [{"role": "system", "content": request.system}] if request.system else []
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [*system, *map(_plain, request.messages)],
        "max_completion_tokens": request.max_tokens,
        "seed": request.seed % 2**31,
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.tools:
        body["tools"] = [tool.schema() for tool in request.tools]
    return await client.post("/chat/completions", body=body, cast_to=Response)


def read(response: Response) -> ChatReply:
    answer = response.json()
    choice, used = answer["choices"][0], answer.get("usage") or {}
    message, reason = choice["message"], choice.get("finish_reason") or ""
    calls = tuple(
        ToolCall(
            id=call["id"],
            name=call["function"]["name"],
            arguments=arguments(call["function"]["arguments"]),
        )
        for call in message.get("tool_calls") or ()
        if call["type"] == "function"
    )
    return ChatReply(
        message=Message(role="assistant", content=message.get("content") or "", calls=calls),
        usage=Usage(
            tokens_in=used.get("prompt_tokens") or 0,
            tokens_out=used.get("completion_tokens") or 0,
            tokens_cached=(used.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
        ),
        stop_reason="refusal" if message.get("refusal") else STOPS.get(reason, reason),
    )


def _plain(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.content}
    plain: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.calls:
        plain["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
            }
            for call in message.calls
        ]
    return plain


openai = Provider(
    name="openai",
    sdk="openai",
    requirement="errata-harness[openai]",
    model="gpt-4.1",
    keys=("OPENAI_API_KEY",),
    address="OPENAI_BASE_URL",
    keyless=True,
    limits=("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    connect=connect,
    ask=ask,
    read=read,
    close=lambda client: client.close(),
)
