"""Turn a chat request into one call of Gemini's generateContent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, cast

from harness.llm.cache import SameTools
from harness.llm.headers import duration
from harness.llm.providers import Provider, alternating, restored
from harness.llm.redirects import one_origin
from harness.llm.refusals import TEMPERATURE, Dispensable
from harness.llm.sdk_errors import failure_of
from harness.protocols.chat_model import ChatRequest
from harness.types import Message
from harness_gemini.answer import SIGNATURE, read, signature_bytes

if TYPE_CHECKING:
    from google.genai import Client
    from google.genai.types import GenerateContentConfigDict, GenerateContentResponse
    from google.genai.types import Tool as DeclaredTools

DISPENSABLE = (
    TEMPERATURE,
    Dispensable(name="seed"),
    Dispensable(name="max_output_tokens", refusal=r"max_?output_?tokens"),
    Dispensable(
        name="system",
        refusal=r"(developer|system).?instruction",
        instead="the instructions are in the user's first message",
    ),
)


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
        _heard(request), partial(_parts, names=names), agent="model", field="parts"
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


def _config(request: ChatRequest) -> GenerateContentConfigDict:
    """What the SDK makes a configuration of. One made here it would copy with all tools in it."""
    more = {name: value for name, value in request.extra.items() if name not in request.omit}
    fields: Mapping[str, Any] = {
        "system": ("system_instruction", request.system or None),
        "temperature": ("temperature", request.temperature),
        "max_output_tokens": ("max_output_tokens", request.max_tokens),
        "seed": ("seed", request.seed % 2**31),
    }
    said = dict(field for name, field in fields.items() if name not in request.omit)
    config = {
        "tools": [_declared(SameTools(request.tools))] if request.tools else None,
        "automatic_function_calling": {"disable": True},
        "http_options": {"extra_body": more} if more else None,
        "should_return_http_response": True,
        **said,
    }
    return cast("GenerateContentConfigDict", config)


@lru_cache(maxsize=64)
def _declared(offered: SameTools) -> DeclaredTools:
    """A domain's tools are most of a request, and the same in each: checked by the SDK once."""
    from google.genai.types import Tool

    declared = [
        {"name": t.name, "description": t.description, "parameters_json_schema": dict(t.parameters)}
        for t in offered.tools
    ]
    return Tool.model_validate({"function_declarations": declared})


def _heard(request: ChatRequest) -> Sequence[Message]:
    """The messages, after the instructions where those must be a user's."""
    if not request.system or "system" not in request.omit:
        return request.messages
    return [Message(role="user", content=request.system), *request.messages]


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
    return part if signature is None else {**part, SIGNATURE: signature_bytes(signature)}


def _delay(details: Any) -> float | None:
    """The retry delay in the error's RetryInfo."""
    inner = details.get("error", {}) if isinstance(details, dict) else {}
    rows = inner.get("details") if isinstance(inner, dict) else None
    if not isinstance(rows, list):
        return None
    found = [row["retryDelay"] for row in rows if isinstance(row, dict) and "retryDelay" in row]
    return duration(str(found[0])) if found else None


gemini = Provider(
    name="gemini",
    sdk="google.genai",
    requirement="errata-harness[gemini]",
    model="gemini-2.5-flash",
    keys=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    address="GOOGLE_GEMINI_BASE_URL",
    dispensable=DISPENSABLE,
    connect=connect,
    ask=ask,
    read=read,
    close=lambda client: client.aio.aclose(),
)
