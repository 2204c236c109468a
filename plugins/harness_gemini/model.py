"""Turn a chat request into one call of Gemini's generateContent, and its answer into ours."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.errors import ChatFailure
from harness.llm.headers import duration
from harness.llm.providers import Provider, alternating, kept, reply, restored
from harness.llm.redirects import one_origin
from harness.llm.sdk_errors import failure_of
from harness.protocols.chat_model import ChatReply, ChatRequest
from harness.types import Message, Usage

if TYPE_CHECKING:
    from google.genai import Client
    from google.genai.types import GenerateContentResponse

# A signature goes back in the very part it came in; Gemini 3 refuses calls of the current turn
# without theirs: ai.google.dev/gemini-api/docs/thought-signatures.
SIGNATURE = "thoughtSignature"
CALL = frozenset({"functionCall"})
STOPS = {"STOP": "end", "MAX_TOKENS": "length"}
REFUSALS = {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE"}
MALFORMED = {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"}


def connect(key: str, base_url: str) -> Client:
    from google.genai import Client, types

    options = types.HttpOptions(
        base_url=base_url or None,
        timeout=3_600_000,
        async_client_args={"event_hooks": one_origin()},
    )
    return Client(api_key=key, vertexai=False, http_options=options)


async def ask(client: Client, request: ChatRequest) -> GenerateContentResponse:
    from google.genai.errors import APIError

    names = {call.id: call.name for message in request.messages for call in message.calls}
    contents: Any = alternating(
        request.messages, partial(_parts, names=names), agent="model", field="parts"
    )
    try:
        return await client.aio.models.generate_content(
            model=request.model, contents=contents, config=_config(request)
        )
    except APIError as error:
        failure = failure_of(error, "google")
        assert failure is not None
        failure.retry_after = failure.retry_after or _delay(error.details)
        raise failure from None


def read(answer: GenerateContentResponse) -> ChatReply:
    found = answer.model_dump(mode="json", by_alias=True, exclude_none=True)
    used = found.get("usageMetadata", {})
    usage = Usage(
        tokens_in=used.get("promptTokenCount", 0),
        tokens_out=used.get("candidatesTokenCount", 0) + used.get("thoughtsTokenCount", 0),
        tokens_cached=used.get("cachedContentTokenCount", 0),
    )
    if not found.get("candidates") and "blockReason" in found.get("promptFeedback", {}):
        return reply("", [], usage, "refusal")
    candidate = found["candidates"][0]
    reason = candidate.get("finishReason", "")
    if reason in MALFORMED:
        raise ChatFailure("malformed_reply", f"the model made a call that cannot be read: {reason}")
    parts = candidate.get("content", {}).get("parts", [])
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    texts = [part.get("text", "") for part in parts if not part.get("thought")]
    stop = "refusal" if reason in REFUSALS else STOPS.get(reason, reason)
    return reply(
        "".join(texts),
        [(call.get("id", ""), call["name"], call.get("args", {})) for call in calls],
        usage,
        "tools" if calls else stop,
        opaque=kept(parts, call=CALL) if any(SIGNATURE in part for part in parts) else None,
    )


def _config(request: ChatRequest) -> Any:
    declared = [
        {"name": t.name, "description": t.description, "parameters_json_schema": dict(t.parameters)}
        for t in request.tools
    ]
    return {
        "system_instruction": request.system or None,
        "temperature": request.temperature,
        "max_output_tokens": request.max_tokens,
        "seed": request.seed % 2**31,
        "tools": [{"function_declarations": declared}] if declared else None,
        "automatic_function_calling": {"disable": True},
        "http_options": {"extra_body": dict(request.extra)} if request.extra else None,
    }


def _parts(message: Message, names: dict[str, str]) -> list[Any]:
    if message.role == "tool":
        said = {"error" if message.is_error else "output": message.content}
        name = names.get(message.call_id, message.call_id)
        return [{"function_response": {"name": name, "response": said}}]
    calls = [
        {"functionCall": {"name": call.name, "args": dict(call.arguments)}}
        for call in message.calls
    ]
    if message.opaque is not None:
        return [_signed(part) for part in restored(message.opaque, calls)]
    texts = [{"text": message.content}] if message.content.strip() else []
    return [*texts, *calls]


def _signed(part: dict[str, Any]) -> dict[str, Any]:
    """The part as the SDK takes it: the signature in bytes."""
    signature = part.get(SIGNATURE)
    return part if signature is None else {**part, SIGNATURE: urlsafe_b64decode(signature)}


def _delay(details: Any) -> float | None:
    """The retry delay in the error's RetryInfo."""
    inner = details.get("error", {}) if isinstance(details, dict) else {}
    rows = inner.get("details", []) if isinstance(inner, dict) else []
    found = [row["retryDelay"] for row in rows if isinstance(row, dict) and "retryDelay" in row]
    return duration(str(found[0])) if found else None


gemini = Provider(
    name="gemini",
    sdk="google.genai",
    requirement="errata-harness[gemini]",
    model="gemini-2.5-flash",
    keys=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    address="GOOGLE_GEMINI_BASE_URL",
    connect=connect,
    ask=ask,
    read=read,
    close=lambda client: client.aio.aclose(),
)
