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
from harness.llm.plain_json import loads, plain, whole
from harness.llm.refusals import Dispensable
from harness.llm.sdk_errors import Reading, Sending
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
    environment, else the provider's own. ``extra`` goes into the body of each request; ``omit``
    names what is left out of it or said in another way, see ``harness.llm.refusals``.
    """

    model: str = ""
    base_url: str = ""
    extra: Mapping[str, Json] = field(default_factory=dict)
    omit: tuple[str, ...] = ()


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
    None: ``read`` says it, or nobody. ``dispensable`` is what ``ask`` can do without: it heeds what
    of that is in ``omit`` of the request.
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
    dispensable: Sequence[Dispensable] = ()
    close: Callable[[Client], Awaitable[object]] | None = None
    keyless: bool = False

    def __call__(self, settings: Settings) -> ChatModel:
        """The chat model. Raises ``ConfigError`` without a key, ``MissingExtra`` without the
        SDK.
        """
        options = read_options(Options, settings, name=self.name)
        self._check_omitted(options.omit)
        self._need_sdk()
        endpoint = options.base_url or os.environ.get(self.address, "")
        key = self._key(needed=not (self.keyless and endpoint))
        model = settings.argument or options.model or self.model
        return _SDKModel(self, replace(options, model=model, base_url=endpoint), key)

    def _check_omitted(self, names: Sequence[str]) -> None:
        known = [part.name for part in self.dispensable]
        if unknown := [name for name in names if name not in known]:
            raise ConfigError(
                f"{self.name} cannot omit {unknown[0]!r} (known: {', '.join(known) or 'none'})",
                hint=f"Change omit in [options.{self.name}] of the config file.",
            )

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
        self.omit = frozenset(options.omit)
        self.dispensable = tuple(provider.dispensable)
        self._provider = provider
        self._clients = Clients(lambda: provider.connect(key, self.endpoint), close=provider.close)

    async def complete(self, request: ChatRequest) -> ChatReply:
        async with self._clients.one() as client:
            with Sending(self._provider.sdk):
                answer = await self._provider.ask(client, request)
        with Reading():
            reply = self._provider.read(answer)
            headers = getattr(answer, "headers", None)
            if self._provider.limits is None or headers is None:
                return reply
            left, until = self._provider.limits
            return ChatReply(
                message=reply.message,
                usage=reply.usage,
                stop_reason=reply.stop_reason,
                allowance=allowance(headers, left=left, until=until),
                is_counted=reply.is_counted,
            )


def body(request: ChatRequest, **fields: Any) -> dict[str, Any]:
    """The fields that are not None or empty, and the ``extra`` ones of the request, without those
    that are to be omitted.
    """
    said = {name: value for name, value in fields.items() if value not in (None, "", [])}
    said |= request.extra
    return {name: value for name, value in said.items() if name not in request.omit}


def reply(
    text: str,
    calls: Iterable[tuple[object, object, object]],
    usage: Usage | None,
    stop_reason: str,
    opaque: Opaque | None = None,
) -> ChatReply:
    """An answer with this text and these calls, each of them (id, name, arguments); ``usage`` None:
    the provider did not tell it.

    An id that is no text is none. Raises ``ValueError`` for other values that are not of their
    types or that no file can hold, and where calls were announced and nothing came.
    """
    calls = tuple(calls)
    if stop_reason == "tools" and not calls and not text:
        raise ValueError("the answer stopped for calls, and there are none")
    if not all(isinstance(word, str) for word in (text, stop_reason)):
        raise ValueError("text and stop reason of an answer are not text")
    message = Message(
        role="assistant",
        content=whole(text),
        calls=tuple(_call(id, name, given) for id, name, given in calls),
        opaque=opaque and replace(opaque, value=plain(opaque.value)),
    )
    return ChatReply(
        message=message,
        usage=usage or Usage(),
        stop_reason=whole(stop_reason),
        is_counted=usage is not None,
    )


def _call(id: object, name: object, given: object) -> ToolCall:
    if not isinstance(name, str):
        raise ValueError("the name of a call is no text")
    known = whole(id) if isinstance(id, str) else ""
    return ToolCall(id=known, name=whole(name), arguments=arguments(given))


def arguments(given: object) -> dict[str, Json]:
    """The arguments of a tool call, from a JSON text or an object; none at all are ``{}``, and what
    is neither, or cannot be held, is ``{UNPARSED: text}``.
    """
    if isinstance(given, str) and not given.strip():
        return {}
    try:
        found = loads(given) if isinstance(given, str) else plain(given)
    except ValueError:
        return {UNPARSED: _text(given)}
    return found if isinstance(found, dict) else {} if found is None else {UNPARSED: _text(given)}


def _text(given: object) -> str:
    try:
        return whole(given if isinstance(given, str) else json.dumps(given))
    except (RecursionError, TypeError, ValueError):
        return "(arguments that cannot be written down)"


def kept(
    parts: Sequence[dict[str, Any]],
    *,
    is_call: Callable[[Mapping[str, Any]], bool],
    call: frozenset[str],
) -> Opaque:
    """A message's parts as the provider sent them, to be ``restored`` for it.

    Of a part that ``is_call``, only the fields that are not in ``call`` are kept.
    """
    number = count()
    if any(_CALL in part for part in parts):
        raise ValueError(f"a part of a message has a field {_CALL!r}")
    return Opaque(
        value=[
            {_CALL: next(number), **{k: v for k, v in part.items() if k not in call}}
            if is_call(part)
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
