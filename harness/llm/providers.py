"""Turn what tells one provider from another into a chat model: for plugins that offer one."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from itertools import count
from typing import Any, Generic, TypeVar

from harness.assembly.config import read_options
from harness.errors import ConfigError, MissingExtra
from harness.llm.headers import allowance
from harness.llm.sdk_errors import reading, sending
from harness.llm.sdk_pool import Clients
from harness.protocols import Settings
from harness.protocols.chat_model import UNPARSED, ChatModel, ChatReply, ChatRequest
from harness.types import Usage
from harness.types.messages import Json, Message, Opaque, ToolCall

Client = TypeVar("Client")
Answer = TypeVar("Answer")

OPENING = Message(role="user", content="(The conversation begins.)")
"""Stands before an agent's greeting for providers whose conversations must start with a user."""

_CALL = "call"
"""In a part that is kept: which of the message's calls it is."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """``model`` is asked if none is named, "": the provider's default. ``base_url`` "": that of the
    environment, else the provider's own. ``extra`` goes into the body of each request.
    """

    model: str = ""
    base_url: str = ""
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Provider(Generic[Client, Answer]):
    """What tells one provider from another. Called with settings, it makes the chat model.

    ``name`` is that of its option table. ``sdk`` is a module, ``requirement`` what pip installs it
    by. ``model`` is the default model. ``keys`` are the environment variables that may hold the
    key, ``address`` is the one for the base URL; with a base URL a ``keyless`` provider gets "none"
    for a key that is not set.

    ``connect`` turns key and base URL ("": the SDK's own) into a client that does not try again by
    itself; ``close`` ends it with its event loop. ``ask`` makes one call; whatever the SDK raises
    there becomes a ``ChatFailure``, see ``harness.llm.sdk_errors``. ``read`` turns the answer into
    ours; one of the wrong shape may raise there as it likes. ``limits`` are the headers that say
    how many requests are left, and until when, looked for in the ``headers`` of the SDK's answer;
    None: ``read`` says it, or nobody.
    """

    name: str
    sdk: str
    requirement: str
    model: str
    keys: tuple[str, ...]
    address: str
    connect: Callable[[str, str], Client]
    ask: Callable[[Client, ChatRequest], Awaitable[Answer]]
    read: Callable[[Answer], ChatReply]
    limits: tuple[str, str] | None = None
    close: Callable[[Client], Awaitable[object]] | None = None
    keyless: bool = False

    def __call__(self, settings: Settings) -> ChatModel:
        """The chat model. Raises ``ConfigError`` without a key, ``MissingExtra`` without the
        SDK.
        """
        options = read_options(Options, settings, name=self.name)
        self._need_sdk()
        endpoint = options.base_url or os.environ.get(self.address, "")
        key = self._key(needed=not (self.keyless and endpoint))
        model = settings.argument or options.model or self.model
        return _SDKModel(self, replace(options, model=model, base_url=endpoint), key)

    def _need_sdk(self) -> None:
        try:
            import_module(self.sdk)
        except ImportError as error:
            raise MissingExtra(
                f"the {self.name} chat model needs a package that is not installed: {error.name}",
                hint=f"pip install '{self.requirement}'",
            ) from None

    def _key(self, *, needed: bool) -> str:
        """The key; errors name the variables and never a value."""
        for variable in self.keys:
            if key := os.environ.get(variable, "").strip():
                return key
        if not needed:
            return "none"
        are = "are" if len(self.keys) > 1 else "is"
        raise ConfigError(
            f"{self.name} needs a key, and {' and '.join(self.keys)} {are} not set",
            hint=f"export {self.keys[0]}=… and try again. Keys are read from nowhere else.",
        )


class _SDKModel(Generic[Client, Answer]):
    """One call each; nothing is retried here."""

    def __init__(self, provider: Provider[Client, Answer], options: Options, key: str) -> None:
        self.model = options.model
        self.endpoint = options.base_url
        self.extra = options.extra
        self._provider = provider
        self._clients = Clients(lambda: provider.connect(key, self.endpoint), close=provider.close)

    async def complete(self, request: ChatRequest) -> ChatReply:
        async with self._clients.one() as client:
            with sending(self._provider.sdk):
                answer = await self._provider.ask(client, request)
        with reading():
            reply = self._provider.read(answer)
        headers = getattr(answer, "headers", None)
        if self._provider.limits is None or headers is None:
            return reply
        left, until = self._provider.limits
        return replace(reply, allowance=allowance(headers, left=left, until=until))


def body(request: ChatRequest, **fields: Any) -> dict[str, Any]:
    """The fields that are not None or empty, and the ``extra`` ones of the request."""
    said = {name: value for name, value in fields.items() if value not in (None, "", [])}
    return {**said, **request.extra}


def reply(
    text: str,
    calls: Iterable[tuple[str, str, object]],
    usage: Usage,
    stop_reason: str,
    opaque: Opaque | None = None,
) -> ChatReply:
    """An answer with this text and these calls, each of them (id, name, arguments)."""
    made = tuple(
        ToolCall(id=id, name=name, arguments=arguments(given)) for id, name, given in calls
    )
    message = Message(role="assistant", content=text, calls=made, opaque=opaque)
    return ChatReply(message=message, usage=usage, stop_reason=stop_reason)


def arguments(given: object) -> dict[str, Json]:
    """The arguments of a tool call, from a JSON text or an object; ``{UNPARSED: text}`` if they
    are neither.
    """
    try:
        found: Any = json.loads(given or "{}") if isinstance(given, str) else given
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {UNPARSED: str(given)}


def kept(parts: Sequence[dict[str, Any]], *, call: frozenset[str]) -> Opaque:
    """A message's parts as the provider sent them, to be ``restored`` for it.

    A part with all the fields ``call`` is a tool call: of it, only the others are kept.
    """
    number = count()
    return Opaque(
        value=[
            {_CALL: next(number), **{k: v for k, v in part.items() if k not in call}}
            if call <= part.keys()
            else part
            for part in parts
        ]
    )


def restored(opaque: Opaque, calls: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was ``kept``, with these calls in the places of its own."""
    parts: Any = opaque.value
    found = [{**calls[part[_CALL]], **part} if _CALL in part else dict(part) for part in parts]
    for part in found:
        part.pop(_CALL, None)
    return found


def alternating(
    messages: Sequence[Message], parts: Callable[[Message], list[Any]], *, agent: str, field: str
) -> list[dict[str, Any]]:
    """The messages as turns ``{"role": ..., field: parts}`` that alternate, a user's first.

    Results of calls are the user's; neighbours of one role are joined. ``agent`` is the provider's
    name for the other role. Messages without parts are left out.
    """
    turns: list[dict[str, Any]] = []
    if not messages or messages[0].role != "user":
        messages = (OPENING, *messages)
    for message in messages:
        role = agent if message.role == "assistant" else "user"
        said = parts(message)
        if turns and turns[-1]["role"] == role:
            turns[-1][field] += said
        elif said:
            turns.append({"role": role, field: said})
    return turns
