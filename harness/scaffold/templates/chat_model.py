"""A chat model behind an HTTP server that speaks as OpenAI's Chat Completions do."""

import asyncio
import json
import os
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from harness.assembly.config import read_options
from harness.errors import ChatFailure
from harness.protocols import CAUSES, ChatModel, ChatReply, ChatRequest, Settings
from harness.types import Message, ToolCall, Usage

_CAUSE = {401: "wrong_key", 404: "unknown_model", 429: "rate_limit"}


@dataclass(frozen=True, kw_only=True)
class Options:
    """``base_url``: of the server; ``model``: the default model."""

    base_url: str = "http://127.0.0.1:8000/v1"
    model: str = "sample-1"


class Sample(ChatModel):
    def __init__(self, options: Options) -> None:
        self.model, self.endpoint = options.model, options.base_url

    async def complete(self, request: ChatRequest) -> ChatReply:
        system = {"role": "system", "content": request.system}
        body = {
            "model": request.model,
            "messages": [system, *map(_plain, request.messages)],
            "max_tokens": request.max_tokens,
            **({"tools": [tool.schema() for tool in request.tools]} if request.tools else {}),
        }
        try:
            return _reply(json.loads(await asyncio.to_thread(self._send, json.dumps(body))))
        except HTTPError as error:
            known = _CAUSE.get(error.code, "server_error" if error.code >= 500 else "bad_request")
            cause = known if known in CAUSES else "bad_request"
            raise ChatFailure(cause, f"the server said {error.code}") from None
        except (URLError, OSError) as error:
            raise ChatFailure("connection", type(error).__name__) from None
        except Exception as error:
            raise ChatFailure("malformed_reply", type(error).__name__) from None

    def _send(self, body: str) -> bytes:
        headers = {"content-type": "application/json"}
        if key := os.environ.get("SAMPLE_API_KEY"):
            headers["authorization"] = f"Bearer {key}"
        address = f"{self.endpoint}/chat/completions"
        with urlopen(Request(address, body.encode(), headers), timeout=600) as answer:
            return bytes(answer.read())


def _plain(message: Message) -> dict[str, Any]:
    calls = [
        {"id": c.id, "type": "function",
         "function": {"name": c.name, "arguments": json.dumps(dict(c.arguments))}}
        for c in message.calls
    ]  # fmt: skip
    named = {"tool_call_id": message.call_id} if message.role == "tool" else {}
    made = {"tool_calls": calls} if calls else {}
    return {"role": message.role, "content": message.content, **named, **made}


def _reply(found: Any) -> ChatReply:
    said, used = found["choices"][0]["message"], found["usage"]
    calls = tuple(
        ToolCall(name=c["function"]["name"], arguments=json.loads(c["function"]["arguments"]),
                 id=c["id"])
        for c in said.get("tool_calls") or ()
    )  # fmt: skip
    message = Message(role="assistant", content=said.get("content") or "", calls=calls)
    usage = Usage(tokens_in=used["prompt_tokens"], tokens_out=used["completion_tokens"], calls=1)
    return ChatReply(message=message, usage=usage, stop_reason="tools" if calls else "end")


def sample(settings: Settings) -> ChatModel:
    return Sample(read_options(Options, settings, name="sample"))
