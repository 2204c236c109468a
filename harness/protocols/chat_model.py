"""One call to a chat model: what is asked, what comes back, who answers, and the way to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

from harness.types import Usage
from harness.types.messages import Json, Message, Tool

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
    ``extra`` goes into the body of the provider's request as it is. ``omit`` names what the server
    does not take: it is left out, or said in another way. Where a message has an
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
    omit: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What the provider's rate limits still allow: ``requests`` left until ``seconds`` from now."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """What a chat model answered.

    ``stop_reason`` is "end", "tools", "length", "refusal", or the provider's own word for anything
    else. ``usage`` holds tokens; the caller adds the cost. ``is_counted`` is False where the
    provider did not tell the tokens: they are unknown, not 0. What the provider wants back with the
    message is its ``opaque`` value; the caller adds whose it is. ``allowance`` is None where the
    provider does not report it.
    """

    message: Message
    usage: Usage
    stop_reason: str
    allowance: Allowance | None = None
    is_counted: bool = True


class ChatModel(Protocol):
    """One provider's chat call; ``model`` is the default model.

    An ``endpoint`` (a base URL), where there is one, keeps cached answers of several servers apart;
    ``extra`` and ``omit``, where they are there, are those of every request; ``dispensable`` is
    what of a request its server may refuse, see ``harness.llm.refusals``.
    """

    model: str

    async def complete(self, request: ChatRequest) -> ChatReply:
        """The answer. Raises ``ChatFailure`` where there is none; never retries by itself."""
        ...


class ChatClient(Protocol):
    """One role's way to a chat model, with the run's cache, limits and budget behind it."""

    provider: str
    model: str
    role: ChatRole

    async def ask(
        self,
        messages: Sequence[Message],
        *,
        system: str,
        version: str,
        tools: Sequence[Tool] = (),
        seed: int = 0,
        temperature: float | None = None,
        max_tokens: int | None = None,
    ) -> ChatReply:
        """The answer, from the cache where it is there; ``version`` is the prompt's.

        Raises ``RolloutFault`` for what must end one conversation, ``ProviderError`` and
        ``BudgetSpent`` for what must stop the run.
        """
        ...


class ChatGateway(Protocol):
    """A run's way to chat models; nothing is opened before the first is asked for.

    ``used``: whether any was.
    """

    @property
    def used(self) -> bool: ...

    def chat(self, role: ChatRole, spec: str) -> ChatClient:
        """A role's way to the chat model "NAME" or "NAME:MODEL"."""
        ...

    def models(self) -> Mapping[str, str]:
        """The model behind each spec that was asked for so far."""
        ...

    def go_on(
        self, earlier: Mapping[str, Json], keep: Callable[[Mapping[str, Json]], None]
    ) -> None:
        """Continue from ``earlier`` counts, and have ``keep`` write the counts down now and then.
        To be called before the first chat model is asked for.
        """
        ...

    def counts(self) -> Mapping[str, Json]:
        """The counts by role; {} if no chat model was asked anything."""
        ...

    def summary(self) -> str:
        """The counts in one line, for people."""
        ...
