"""Turn an answer of Chat Completions, as any of the many servers words it, into ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.errors import ChatFailure
from harness.llm.answers import Body, Kept, Told, parsed, usage
from harness.llm.providers import reply
from harness.llm.sdk_errors import told_failure
from harness.llm.thoughts import said_aloud
from harness.protocols.chat_model import ChatReply
from harness.types import Json, Opaque

if TYPE_CHECKING:
    from httpx2 import Response

# Servers that show a model's reasoning want it back with the calls it led to, and have no use for
# it elsewhere: api-docs.deepseek.com/guides/thinking_mode (tool calls: refused without it);
# docs.vllm.ai "Reasoning Outputs" and openrouter.ai "Preserving reasoning" for the other names.
# Gemini's compatible endpoint keeps its signatures in each call's extra content.
REASONING = ("reasoning_content", "reasoning", "reasoning_details")
CALL = frozenset({"id", "type", "function", "index"})
STOPS = {
    "stop": "end", "tool_calls": "tools", "function_call": "tools", "length": "length",
    "content_filter": "refusal",
}  # fmt: skip
BROKEN = {"error", "abort"}
"""Stops that say that the answer is not whole, for no reason of the model's."""

TEXTS = {"text", "output_text"}
THOUGHTS = {"thinking", "reasoning", "reasoning_text", "summary_text", "reference"}
"""Parts that are not said, such as Mistral's thoughts and the numbers of what it refers to."""


class Part(Told):
    type: str = "text"
    text: str | None = None
    refusal: str | None = None


class Function(Told):
    name: str
    arguments: Any = None


class Call(Kept):
    id: Any = None
    function: Function


class Said(Kept):
    content: str | Part | list[str | Part] | None = None
    refusal: str | None = None
    tool_calls: list[Call] | None = None
    function_call: Function | None = None


class Choice(Told):
    message: Said | None = None
    finish_reason: str | None = None
    error: Any = None


class Answer(Body):
    choices: list[Choice] | None = None
    usage: Any = None


def read(response: Response) -> ChatReply:
    answer = parsed(response.content, Answer)
    choice = answer.choices[0] if answer.choices else Choice()
    if choice.error:
        raise told_failure(choice.error)
    reason = choice.finish_reason or ""
    if reason in BROKEN:
        raise ChatFailure("server_error", f"the answer broke off: finish_reason {reason!r}")
    said = choice.message
    if said is None:
        raise ValueError("there is no message in the answer")
    calls = said.tool_calls or []
    made = [(call.id, call.function.name, call.function.arguments) for call in calls]
    if said.function_call and not made:
        made = [("", said.function_call.name, said.function_call.arguments)]
    text, is_refused = _text(said)
    return reply(
        said_aloud(text) or "",
        made,
        usage(
            answer.usage,
            fresh="prompt_tokens",
            out=("completion_tokens",),
            cached="prompt_tokens_details.cached_tokens",
        ),
        "refusal" if is_refused else STOPS.get(reason, reason),
        opaque=_reasoning(said, calls),
    )


def _text(said: Said) -> tuple[str, bool]:
    """What is said, and whether it is a refusal."""
    content = said.content or ""
    if isinstance(content, str):
        return content, bool(said.refusal)
    found = content if isinstance(content, list) else [content]
    parts = [Part(text=part) if isinstance(part, str) else part for part in found]
    known = TEXTS | THOUGHTS | {"refusal"}
    if unknown := [part.type for part in parts if part.type not in known]:
        raise ValueError(f"a part of the message is of the type {unknown[0]!r}")
    text = "".join(part.text or "" for part in parts if part.type in TEXTS)
    return text, bool(said.refusal) or any(part.type == "refusal" for part in parts)


def _reasoning(said: Said, calls: list[Call]) -> Opaque | None:
    """The reasoning before the calls, and the extra content of each call."""
    more = said.model_extra or {}
    fields: dict[str, Json] = {name: more[name] for name in REASONING if more.get(name)}
    extras: list[Json] = [
        {name: value for name, value in (call.model_extra or {}).items() if name not in CALL}
        for call in calls
    ]
    is_wanted = calls and (fields or any(extras))
    return Opaque(value={"message": fields, "calls": extras}) if is_wanted else None
