"""Turn an answer of Anthropic's Messages API, or of a server that speaks it, into ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.errors import ChatFailure
from harness.llm.answers import Body, Kept, parsed, usage
from harness.llm.providers import kept, reply
from harness.protocols.chat_model import ChatReply

if TYPE_CHECKING:
    from httpx2 import Response

# Thoughts go back unchanged and in their places with the calls they led to, or the request is
# refused: platform.claude.com/docs/en/build-with-claude/extended-thinking (tool use) and
# .../preserved-thinking (what stands before them must be as it was, too).
THOUGHTS = {"thinking", "redacted_thinking"}
CALL = frozenset({"id", "name", "input"})
STOPS = {"end_turn": "end", "stop_sequence": "end", "tool_use": "tools", "max_tokens": "length"}

SERVERS_OWN = re.compile(r"(server|mcp)_tool_use|\w+_tool_result")
"""Blocks of tools that the provider runs itself, where ``extra`` asked for them."""


class Block(Kept):
    type: str
    text: str | None = None
    id: Any = None
    name: str | None = None
    input: Any = None


class Answer(Body):
    content: list[Block] | str | None = None
    stop_reason: str | None = None
    usage: Any = None


def read(response: Response) -> ChatReply:
    answer = parsed(response.content, Answer)
    reason = answer.stop_reason or ""
    if reason == "model_context_window_exceeded":
        raise ChatFailure("context_overflow", "the answer did not fit the model's context")
    if "content" not in answer.model_fields_set:
        raise ValueError("there is no content in the answer")
    blocks = _blocks(answer.content or [])
    calls = [block for block in blocks if block.type == "tool_use"]
    return reply(
        "\n".join(block.text or "" for block in blocks if block.type == "text"),
        [(call.id, call.name, call.input) for call in calls],
        usage(
            answer.usage,
            fresh="input_tokens",
            out=("output_tokens",),
            cached="cache_read_input_tokens",
            beside=("cache_read_input_tokens", "cache_creation_input_tokens"),
        ),
        STOPS.get(reason, reason),
        opaque=kept(
            [block.model_dump(exclude_unset=True) for block in blocks],
            is_call=lambda block: block["type"] == "tool_use",
            call=CALL,
        )
        if any(block.type in THOUGHTS for block in blocks)
        else None,
    )


def _blocks(content: list[Block] | str) -> list[Block]:
    """The blocks without empty texts, which the provider gives and does not take back."""
    blocks = [Block(type="text", text=content)] if isinstance(content, str) else content
    for block in blocks:
        is_known = block.type in THOUGHTS or block.type in ("text", "tool_use")
        if not is_known and not SERVERS_OWN.fullmatch(block.type):
            raise ValueError(f"a block of the answer is of the type {block.type!r}")
    return [block for block in blocks if block.type != "text" or (block.text or "").strip()]
