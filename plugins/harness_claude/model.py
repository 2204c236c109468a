"""Turn a chat request into one call of Anthropic's Messages API, and its answer into ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.errors import ChatFailure
from harness.llm.providers import Provider, alternating, body, kept, reply, restored
from harness.llm.redirects import one_origin
from harness.protocols.chat_model import ChatReply, ChatRequest
from harness.types import Message, Usage

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from httpx2 import Response

# Thoughts go back unchanged and in their places with the calls they led to, or the request is
# refused: platform.claude.com/docs/en/build-with-claude/extended-thinking (tool use) and
# .../preserved-thinking (what stands before them must be as it was, too).
THOUGHTS = {"thinking", "redacted_thinking"}
CALL = frozenset({"id", "name", "input"})
STOPS = {"end_turn": "end", "stop_sequence": "end", "tool_use": "tools", "max_tokens": "length"}


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
        tools=[
            {"name": t.name, "description": t.description, "input_schema": dict(t.parameters)}
            for t in request.tools
        ],
    )
    return await client.post("/v1/messages", body=said, cast_to=Response)


def read(response: Response) -> ChatReply:
    answer = response.json()
    if answer["stop_reason"] == "model_context_window_exceeded":
        raise ChatFailure("context_overflow", "the answer did not fit the model's context")
    blocks = answer["content"]
    texts = [block["text"] for block in blocks if block["type"] == "text"]
    calls = [block for block in blocks if block["type"] == "tool_use"]
    has_thought = any(block["type"] in THOUGHTS for block in blocks)
    used = answer["usage"]
    cached = used.get("cache_read_input_tokens") or 0
    written = used.get("cache_creation_input_tokens") or 0
    return reply(
        "\n".join(texts),
        [(call["id"], call["name"], call["input"]) for call in calls],
        Usage(
            tokens_in=used["input_tokens"] + cached + written,
            tokens_out=used["output_tokens"],
            tokens_cached=cached,
        ),
        STOPS.get(answer["stop_reason"], answer["stop_reason"] or ""),
        opaque=kept(blocks, call=CALL) if has_thought else None,
    )


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
    connect=connect,
    ask=ask,
    read=read,
    close=lambda client: client.close(),
)
