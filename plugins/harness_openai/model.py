"""Turn a chat request into one call of the Chat Completions API, and its answer into ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harness.llm.providers import Provider, body, reply
from harness.llm.redirects import one_origin
from harness.protocols.chat_model import ChatReply, ChatRequest
from harness.types import Json, Message, Opaque, Usage

if TYPE_CHECKING:
    from httpx2 import Response
    from openai import AsyncOpenAI

# Servers that show a model's reasoning want it back with the calls it led to, and have no use for
# it elsewhere: api-docs.deepseek.com/guides/thinking_mode (tool calls: refused without it);
# docs.vllm.ai "Reasoning Outputs" and openrouter.ai "Preserving reasoning" for the other names.
# Gemini's compatible endpoint keeps its signatures in each call's extra content.
REASONING = ("reasoning_content", "reasoning", "reasoning_details")
CALL = frozenset({"id", "type", "function", "index"})
STOPS = {"stop": "end", "tool_calls": "tools", "length": "length", "content_filter": "refusal"}


def connect(key: str, base_url: str) -> AsyncOpenAI:
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    client = DefaultAsyncHttpxClient(event_hooks=one_origin())
    return AsyncOpenAI(
        api_key=key, base_url=base_url or None, max_retries=0, timeout=3600, http_client=client
    )


async def ask(client: AsyncOpenAI, request: ChatRequest) -> Response:
    from httpx2 import Response

    system = [{"role": "system", "content": request.system}] if request.system else []
    said = body(
        request,
        model=request.model,
        messages=[*system, *map(_plain, request.messages)],
        max_completion_tokens=request.max_tokens,
        seed=request.seed % 2**31,
        temperature=request.temperature,
        tools=[tool.schema() for tool in request.tools],
    )
    return await client.post("/chat/completions", body=said, cast_to=Response)


def read(response: Response) -> ChatReply:
    answer = response.json()
    choice, used = answer["choices"][0], answer.get("usage") or {}
    message, reason = choice["message"], choice.get("finish_reason") or ""
    calls = [call for call in message.get("tool_calls") or () if call["type"] == "function"]
    functions = [call["function"] for call in calls]
    return reply(
        message.get("content") or "",
        [(c["id"], f["name"], f["arguments"]) for c, f in zip(calls, functions, strict=True)],
        Usage(
            tokens_in=used.get("prompt_tokens") or 0,
            tokens_out=used.get("completion_tokens") or 0,
            tokens_cached=(used.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
        ),
        "refusal" if message.get("refusal") else STOPS.get(reason, reason),
        opaque=_reasoning(message, calls),
    )


def _reasoning(message: dict[str, Any], calls: list[dict[str, Any]]) -> Opaque | None:
    """The reasoning before the calls, and the extra content of each call."""
    fields = {name: message[name] for name in REASONING if message.get(name)}
    extras: list[Json] = [{name: call[name] for name in call.keys() - CALL} for call in calls]
    is_wanted = calls and (fields or any(extras))
    return Opaque(value={"message": fields, "calls": extras}) if is_wanted else None


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
    if message.opaque is not None:
        kept: Any = message.opaque.value
        plain |= kept["message"]
        for call, extra in zip(plain["tool_calls"], kept["calls"], strict=True):
            call |= extra
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
