"""One call to a chat model: what is asked, what comes back, and who answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

from harness.messages import Json, Message, Tool
from harness.types import Usage

ChatRole = Literal["user", "judge", "namer", "injector", "agent"]
"""Who speaks through a chat model."""

Cause = Literal[
    "rate_limit",
    "overloaded",
    "server_error",
    "timeout",
    "connection",
    "malformed_reply",
    "empty_reply",
    "refusal",
    "context_overflow",
    "bad_request",
    "wrong_key",
    "unknown_model",
    "no_credit",
]
CAUSES: tuple[str, ...] = get_args(Cause)
"""Why a call to a chat model got no usable answer."""

UNPARSED = "unparsed_arguments"
"""The only argument of a tool call whose arguments were no JSON object: what they were, as text.

No tool has such an argument, so the call fails where it is carried out and the model sees why.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One call to a chat model: ``messages`` as seen by the role that speaks.

    ``temperature`` None: the provider's own default. A provider without seeds ignores ``seed``.
    ``extra`` goes into the body of the provider's request as it is. Where a message has an
    ``opaque`` value, it is what this model gave with it.
    """

    model: str
    system: str
    messages: Sequence[Message]
    tools: Sequence[Tool] = ()
    temperature: float | None = None
    max_tokens: int = 4096
    seed: int = 0
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What the provider's rate limits still allow: ``requests`` left until ``seconds`` from now."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """What a chat model answered.

    ``stop_reason`` is "end", "tools", "length", "refusal", or the provider's own word for anything
    else. ``usage`` holds tokens; the caller adds the cost. What the provider wants back with the
    message is its ``opaque`` value; the caller adds whose it is. ``allowance`` is None where the
    provider does not tell.
    """

    message: Message
    usage: Usage
    stop_reason: str
    allowance: Allowance | None = None


class ChatModel(Protocol):
    """One provider's chat call; ``model`` is asked where nobody names one.

    An ``endpoint`` (a base URL), where there is one, keeps cached answers of several servers apart;
    an ``extra``, where there is one, is that of every request.
    """

    model: str

    async def complete(self, request: ChatRequest) -> ChatReply:
        """The answer. Raises ``ChatFailure`` where there is none; never retries by itself."""
        ...
