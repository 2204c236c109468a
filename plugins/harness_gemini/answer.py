"""Turn an answer of Gemini's generateContent, or of a server that speaks it, into ours."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator

from harness.errors import ChatFailure
from harness.llm.answers import Body, Told, parsed, usage
from harness.llm.providers import kept, reply
from harness.protocols.chat_model import ChatReply

if TYPE_CHECKING:
    from google.genai.types import GenerateContentResponse

# A signature goes back in the very part it came in; Gemini 3 refuses calls of the current turn
# without theirs: ai.google.dev/gemini-api/docs/thought-signatures.
SIGNATURE = "thoughtSignature"
CALL = frozenset({"functionCall"})
STOPS = {"STOP": "end", "MAX_TOKENS": "length"}
REFUSALS = {
    "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "IMAGE_SAFETY",
}  # fmt: skip
MALFORMED = {
    "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE",
    "MISSING_THOUGHT_SIGNATURE",
}  # fmt: skip


def signature_bytes(signature: str) -> bytes:
    """The signature as the SDK takes it. Raises ``ValueError`` if it is no base64."""
    return urlsafe_b64decode(signature + "==")


def _decodable(signature: str) -> str:
    signature_bytes(signature)
    return signature


class Function(Told):
    name: str
    args: Any = None
    id: Any = None


class Part(Told):
    text: str | None = None
    thought: bool | None = None
    functionCall: Function | None = None
    thoughtSignature: Annotated[str, AfterValidator(_decodable)] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the provider would not take it back: it holds nothing."""
        return not (self.functionCall or self.thoughtSignature or self.text)


class Content(Told):
    parts: list[Part] | None = None


class Candidate(Told):
    content: Content | None = None
    finishReason: str | None = None


class Feedback(Told):
    blockReason: Any = None


class Answer(Body):
    candidates: list[Candidate] | None = None
    promptFeedback: Feedback | None = None
    usageMetadata: Any = None


def read(response: GenerateContentResponse) -> ChatReply:
    http = response.sdk_http_response
    answer = parsed(str(http.body if http else "").encode("utf-8", "surrogatepass"), Answer)
    used = usage(
        answer.usageMetadata,
        fresh="promptTokenCount",
        out=("candidatesTokenCount", "thoughtsTokenCount"),
        cached="cachedContentTokenCount",
        omits_zeros=True,
    )
    if not answer.candidates:
        if answer.promptFeedback and answer.promptFeedback.blockReason:
            return reply("", [], used, "refusal")
        raise ValueError("there is no candidate in the answer")
    candidate = answer.candidates[0]
    reason = candidate.finishReason or ""
    if reason in MALFORMED:
        raise ChatFailure("malformed_reply", f"the model made a call that cannot be read: {reason}")
    if reason == "OTHER":
        raise ChatFailure("server_error", "the answer broke off: finishReason OTHER")
    content = candidate.content or Content()
    parts = [part for part in content.parts or [] if not part.is_empty]
    calls = [part.functionCall for part in parts if part.functionCall]
    return reply(
        "".join(part.text or "" for part in parts if not part.thought),
        [(call.id, call.name, call.args) for call in calls],
        used,
        "refusal" if reason in REFUSALS else "tools" if calls else STOPS.get(reason, reason),
        opaque=kept(
            [part.model_dump(exclude_none=True) for part in parts],
            is_call=lambda part: bool(part.get("functionCall")),
            call=CALL,
        )
        if any(part.thoughtSignature for part in parts)
        else None,
    )
