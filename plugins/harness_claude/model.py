"""Turn a chat request into one call of Anthropic's Messages API."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from harness.llm.cache import SameTools
from harness.llm.providers import Provider, alternating, body, restored
from harness.llm.redirects import one_origin
from harness.llm.refusals import TEMPERATURE
from harness.protocols.chat_model import ChatRequest
from harness.types import Message
from harness_claude.answer import read

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from httpx2 import Response


def connect(key: str, base_url: str) -> AsyncAnthropic:
    from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient

    client = DefaultAsyncHttpxClient(event_hooks=one_origin())
    return AsyncAnthropic(
        api_key=key, base_url=base_url or None, max_retries=0, timeout=3600, http_client=client
    )


async def ask(client: AsyncAnthropic, request: ChatRequest) -> Response:
    from httpx2 import Response

    said = body(
        request,
        model=request.model,
        max_tokens=request.max_tokens,
        messages=alternating(request.messages, _blocks, agent="assistant", field="content"),
        system=request.system,
        temperature=request.temperature,
        tools=_declared(SameTools(request.tools)),
    )
    return await client.post("/v1/messages", body=said, cast_to=Response)


@lru_cache(maxsize=64)
def _declared(offered: SameTools) -> list[dict[str, Any]]:
    return [
        {"name": t.name, "description": t.description, "input_schema": dict(t.parameters)}
        for t in offered.tools
    ]


def _blocks(message: Message) -> list[Any]:
    if message.role == "tool":
        result = {"tool_use_id": message.call_id, "content": message.content}
        return [{"type": "tool_result", **result, "is_error": message.is_error}]
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.arguments)}
        for call in message.calls
    ]
    if message.opaque is not None:
        return restored(message.opaque, calls)
    texts = [{"type": "text", "text": message.content}] if message.content.strip() else []
    return [*texts, *calls]


claude = Provider(
    name="claude",
    sdk="anthropic",
    requirement="errata-harness[claude]",
    model="claude-sonnet-4-5",
    keys=("ANTHROPIC_API_KEY",),
    address="ANTHROPIC_BASE_URL",
    limits=("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    dispensable=(TEMPERATURE,),
    connect=connect,
    ask=ask,
    read=read,
    close=lambda client: client.close(),
)
