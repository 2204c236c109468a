"""Turn one role's question into a chat model's answer: cached, limited, retried, counted."""

from __future__ import annotations

import asyncio
import random
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.errors import (
    ChatFailure,
    HarnessError,
    ProviderError,
    RolloutFault,
    awaited,
    plugin_failed,
)
from harness.llm.cache import cache_key
from harness.llm.call_text import dialect_of
from harness.llm.refusals import Dispensable, Question
from harness.llm.shared import Shared
from harness.protocols.chat_model import ChatModel, ChatReply, ChatRequest, ChatRole
from harness.types.messages import Json, Message, Tool

RETRIED = frozenset(
    {"rate_limit", "overloaded", "server_error", "timeout", "connection", "malformed_reply"}
)
"""Causes that may be gone the next time."""

STOPS = {
    "wrong_key": "Set the key in the environment variable of that provider.",
    "unknown_model": "Name a model that the provider serves, as in {provider}:MODEL.",
    "no_credit": "Add credit with the provider, then repeat the command, or resume its run.",
}
"""Causes that would be the same for every call, so that the run stops, and what can be done."""

ALL_REFUSED = (
    "The server does not take what is sent: see its words. Fields can be left out with omit in the "
    "provider's table of options, see docs/chat-models.md; a model that cannot call tools cannot "
    "be the agent."
)

UNREACHED = 3
"""After so many questions that found no server the run stops, if nothing was ever answered."""

UNREACHABLE = "Start the server, or correct its address, then repeat the command."

OWN_FAULTS = {"user": "user_fault", "agent": "agent_fault"}
"""The fault of a role that refuses or says nothing; a judge, a namer and an injector have none of
their own.
"""

EMPTY_TRIES = 3
"""How often an answer without text and calls is asked for."""


class RedactedTraceback(Exception):
    """The traceback of an error that may hold secrets, as text without them."""

    def __str__(self) -> str:
        return f"without secrets:\n{self.args[0]}"


class RoleClient:
    """One role's way to a chat model. Many conversations use it at once; ``plugin`` offers it."""

    def __init__(
        self,
        speaker: ChatModel,
        *,
        provider: str,
        role: ChatRole,
        model: str = "",
        shared: Shared | None = None,
        plugin: str = "chat model",
    ) -> None:
        self.provider = provider
        self.plugin = plugin
        self.model = model or speaker.model
        self.role = role
        self.shared = shared or Shared()
        self._speaker = speaker
        self._endpoint: str = getattr(speaker, "endpoint", "")
        self._extra: Mapping[str, Json] = getattr(speaker, "extra", {})
        self._omit: frozenset[str] = getattr(speaker, "omit", frozenset())
        self._dispensable: Sequence[Dispensable] = getattr(speaker, "dispensable", ())
        self._throttle = self.shared.throttle(provider, self.model)
        self._manners = self.shared.manners_of(provider, self._endpoint, self.model)

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
        """The answer, from the cache where it is there.

        ``version`` is the prompt's and part of the cache key, as are all other arguments. Raises
        ``RolloutFault`` for what must end one conversation: "context_overflow"; "user_fault" or
        "agent_fault" where that role refuses or says nothing; "infrastructure_fault" for the rest.
        Raises ``ProviderError`` and ``BudgetSpent`` for what must stop the run.
        """
        request = ChatRequest(
            model=self.model,
            system=system,
            messages=tuple(map(self._readable, messages)),
            tools=tuple(tools),
            temperature=temperature,
            max_tokens=max_tokens or self.shared.options.max_tokens,
            seed=seed,
            extra=self._extra,
            omit=self._omit,
        )
        cache = self.shared.cache
        if cache is None:
            reply = await self._answer(request)
        else:
            key = cache_key(self.provider, self._endpoint, version, request)
            reply = await cache.reply(key, lambda: self._answer(request), found=self._found)
        if request.tools and (dialect := dialect_of(reply.message, request.tools)):
            self._note(f"{dialect.said_by} as text: {dialect.remedy}")
        return reply

    @property
    def _name(self) -> str:
        return f"{self.provider}:{self.model}"

    def _readable(self, message: Message) -> Message:
        """The message without what another model, or another role, wants back with it."""
        opaque = message.opaque
        if opaque is None or (opaque.by == self._name and message.role == "assistant"):
            return message
        return replace(message, opaque=None)

    def _note(self, words: str) -> None:
        self.shared.ledger.note(self.role, f"{self.model} {words}")

    def _found(self) -> None:
        self.shared.ledger.of(self.role).cache_hits += 1

    async def _answer(self, request: ChatRequest) -> ChatReply:
        """The provider's answer, retried as the options allow. Asking in another way, since the
        server does not take this one, is no retry of those.
        """
        counts = self.shared.ledger.of(self.role)
        question = Question(request, self._manners, self._dispensable)
        failed: Counter[str] = Counter()
        tries = 0
        while True:
            sent, tries = question.request, tries + 1
            try:
                return await self._try(sent, question)
            except ChatFailure as failure:
                counts.failures[failure.cause] += 1
                if question.is_changed(failure, sent):
                    counts.retries += 1
                    continue
                failed[failure.cause] += 1
                pause = self._pause(failure, failed)
                if pause is None:
                    counts.faults[failure.cause] += 1
                    raise self._verdict(failure, tries) from None
            counts.retries += 1
            await asyncio.sleep(pause)

    def _pause(self, failure: ChatFailure, failed: Counter[str]) -> float | None:
        """Seconds until the next try; None if there is none."""
        options = self.shared.options
        if failure.cause == "empty_reply":
            return 0.0 if failed[failure.cause] < EMPTY_TRIES else None
        tries = failed.total() - failed["empty_reply"]
        if failure.cause not in RETRIED or tries > options.retries:
            return None
        return options.pause(tries, failure.retry_after, random.random())

    async def _try(self, request: ChatRequest, question: Question) -> ChatReply:
        ledger = self.shared.ledger
        async with self._throttle:
            await self.shared.start_queue.passed()
            with ledger.call(self.role):
                self._manners.begin(self.role)
                try:
                    reply = await self._complete(request)
                except ChatFailure as failure:
                    self._throttle.failed(failure)
                    raise
                finally:
                    self._manners.end(self.role)
            self._throttle.succeeded(reply.allowance)
        self._manners.answered.add(self.role)
        for words in question.taken(request):
            self._note(words)
        cost = self.shared.prices.cost(request.model, reply.usage)
        if cost is None:
            ledger.note(
                self.role, f"no price is known for {request.model}: its cost is not counted"
            )
        usage = reply.usage.of_one_call(cost or 0.0)
        ledger.paid(self.role, usage, is_counted=reply.is_counted)
        return ChatReply(
            message=self._usable(request, reply),
            usage=usage,
            stop_reason=reply.stop_reason,
            is_counted=reply.is_counted,
        )

    async def _complete(self, request: ChatRequest) -> ChatReply:
        try:
            async with asyncio.timeout(self.shared.options.call_seconds) as limit:
                # All of it, and before anything else sees it.
                reply = await awaited(ChatReply, self._speaker.complete(request), "complete()")
                return self.shared.redactor.value(reply)
        except Exception as error:  # a stranger's chat model may raise anything
            told = self._told(error, timed_out=limit.expired() and isinstance(error, TimeoutError))
        raise told  # here, where the original is no context of it

    def _told(self, error: Exception, *, timed_out: bool) -> Exception:
        """What the error says, by a kind of error that the core knows, without any secret."""
        redacted = self.shared.redactor.text
        if isinstance(error, ChatFailure):
            return ChatFailure(error.cause, redacted(str(error)), retry_after=error.retry_after)
        if timed_out:
            seconds = self.shared.options.call_seconds
            return ChatFailure("timeout", f"no answer within {seconds:g} s")
        what = redacted(f"{type(error).__name__}: {error}")
        if isinstance(error, TimeoutError):
            return ChatFailure("timeout", what)
        told: Exception
        if isinstance(error, HarnessError):
            core = HarnessError.__module__
            kind = next(kind for kind in type(error).__mro__ if kind.__module__ == core)
            told = kind(redacted(str(error)), hint=redacted(error.hint))
        else:
            told = plugin_failed(self.plugin, f"answer as {self._name}", what)
        trace = "".join(traceback.format_exception(error))
        told.__cause__ = RedactedTraceback(redacted(trace))
        return told

    def _usable(self, request: ChatRequest, reply: ChatReply) -> Message:
        """What is said, its calls with ids. Raises ``ChatFailure`` where that is nothing."""
        message = reply.message
        if reply.stop_reason == "refusal":
            raise ChatFailure("refusal", "the model or the provider refused to answer")
        if not message.content.strip() and not message.calls:
            is_cut = reply.stop_reason == "length"
            more = " (raise max_tokens in [options.calls])" if is_cut else ""
            said = f"an empty answer, ended by {reply.stop_reason!r}{more}"
            raise ChatFailure("empty_reply", said)
        if message.opaque is None and all(call.id for call in message.calls):
            return message
        calls = tuple(
            replace(call, id=call.id or f"call_{len(request.messages)}_{number}")
            for number, call in enumerate(message.calls)
        )
        opaque = message.opaque and replace(message.opaque, by=self._name)
        return replace(message, calls=calls, opaque=opaque)

    def _refuses_all(self, failure: ChatFailure) -> bool:
        """Whether nothing that this role asks is taken; a run that goes on had answers earlier."""
        is_all = self._manners.refuses_all(self.role, failure)
        return is_all and self.role not in self.shared.ledger.answered_earlier

    def _is_unreached(self) -> bool:
        """Whether question after question had no connection, and none ever an answer."""
        lost = self.shared.ledger.of(self.role).faults["connection"]
        return lost >= UNREACHED and not self._manners.answered

    def _verdict(self, failure: ChatFailure, tries: int) -> Exception:
        who = f"{self._name} as {self.role}"
        said = f"{who}: {failure}" + (f" (tried {tries} times)" if tries > 1 else "")
        if failure.cause in STOPS:
            hint = STOPS[failure.cause].format(provider=self.provider)
            return ProviderError(f"{failure.cause.replace('_', ' ')}: {said}", hint=hint)
        if failure.cause == "bad_request" and self._refuses_all(failure):
            return ProviderError(f"all requests are refused alike: {said}", hint=ALL_REFUSED)
        if failure.cause == "connection" and self._is_unreached():
            return ProviderError(f"the server cannot be reached: {said}", hint=UNREACHABLE)
        if failure.cause == "context_overflow":
            return RolloutFault("context_overflow", said)
        if failure.cause in ("refusal", "empty_reply"):
            kind = OWN_FAULTS.get(self.role, "infrastructure_fault")
            return RolloutFault(kind, f"{failure.cause}: {said}")
        return RolloutFault("infrastructure_fault", f"{failure.cause}: {said}")
