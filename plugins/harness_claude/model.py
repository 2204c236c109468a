"""Turn a chat request into one call of Anthropic's Messages API, and its answer into ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.chat import ChatReply, ChatRequest
from harness.errors import ChatFailure
from harness.llm.providers import Provider, alternating, arguments
from harness.types import Message, ToolCall, Usage

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from httpx2 import Response

STOPS = {"end_turn": "end", "stop_sequence": "end", "tool_use": "tools", "max_tokens": "length"}


def connect(key: str, base_url: str) -> AsyncAnthropic:
    from anthropic import AsyncAnthropic

    return AsyncAnthropic(api_key=key, base_url=base_url or None, max_retries=0, timeout=3600)


async def ask(client: AsyncAnthropic, request: ChatRequest) -> Response:
    from httpx2 import Response

    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens,
        "messages": alternating(request.messages, _blocks, agent="assistant", field="content"),
    }
    if request.system:
        body["system"] = request.system
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.tools:
        body["tools"] = [
            {"name": t.name, "description": t.description, "input_schema": dict(t.parameters)}
            for t in request.tools
        ]
    return await client.post("/v1/messages", body=body, cast_to=Response)


def read(response: Response) -> ChatReply:
    answer = response.json()
    if answer["stop_reason"] == "model_context_window_exceeded":
        raise ChatFailure("context_overflow", "the answer did not fit the model's context")
    texts = [block["text"] for block in answer["content"] if block["type"] == "text"]
    calls = tuple(
        ToolCall(id=block["id"], name=block["name"], arguments=arguments(block["input"]))
        for block in answer["content"]
        if block["type"] == "tool_use"
    )
    used = answer["usage"]
    cached = used.get("cache_read_input_tokens") or 0
    written = used.get("cache_creation_input_tokens") or 0
    return ChatReply(
        message=Message(role="assistant", content="\n".join(texts), calls=calls),
        usage=Usage(
            tokens_in=used["input_tokens"] + cached + written,
            tokens_out=used["output_tokens"],
            tokens_cached=cached,
        ),
        stop_reason=STOPS.get(answer["stop_reason"], answer["stop_reason"] or ""),
    )


def _blocks(message: Message) -> list[Any]:
    if message.role == "tool":
        result = {"tool_use_id": message.call_id, "content": message.content}
        return [{"type": "tool_result", **result, "is_error": message.is_error}]
    texts = [{"type": "text", "text": message.content}] if message.content.strip() else []
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.arguments)}
        for call in message.calls
    ]
    return [*texts, *calls]


claude = Provider(
    name="claude",
    sdk="anthropic",
    requirement="errata-harness[claude]",
    model="claude-sonnet-4-5",
    keys=("ANTHROPIC_API_KEY",),
    address="ANTHROPIC_BASE_URL",
    limits=("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    connect=connect,
    ask=ask,
    read=read,
    close=lambda client: client.close(),
)
