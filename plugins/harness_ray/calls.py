"""Bring questions to chat models back to the process that has the run, and the answers out again.

So there is one cache, one budget and one set of limits for all machines, keys are needed on one of
them only, and an item that is run again pays for no answer twice.
"""

from __future__ import annotations

import pickle
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache

from harness.elsewhere.parcels import packed_error, packed_result
from harness.protocols import ChatClient, ChatGateway, ChatReply, ChatRole
from harness.types import Json, Message, Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What ``ChatClient.ask`` was given. ``tools`` are pickled, as they are the same each time."""

    role: ChatRole
    spec: str
    messages: Sequence[Message]
    system: str
    version: str
    tools: bytes
    seed: int
    temperature: float | None
    max_tokens: int | None


Ask = Callable[[Question], Awaitable[ChatReply]]

ASKING: ContextVar[Ask] = ContextVar("asking")
"""In an actor: how the item that runs asks a question."""


class RemoteCalls:
    """In an actor: the run's ``ChatGateway``. It opens no chat model."""

    used = True

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def chat(self, role: ChatRole, spec: str) -> RemoteClient:
        return RemoteClient(role, spec, self.known)

    def models(self) -> Mapping[str, str]:
        return self.known

    def go_on(
        self, earlier: Mapping[str, Json], keep: Callable[[Mapping[str, Json]], None]
    ) -> None:
        return None

    def counts(self) -> Mapping[str, Json]:
        return {}

    def summary(self) -> str:
        return ""


class RemoteClient:
    """In an actor: a ``ChatClient`` whose questions are answered where the run is."""

    def __init__(self, role: ChatRole, spec: str, models: Mapping[str, str]) -> None:
        self.role = role
        self._spec = spec
        self.provider, _, model = spec.partition(":")
        self.model = model or models.get(spec, "")

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
        question = Question(
            role=self.role,
            spec=self._spec,
            messages=tuple(messages),
            system=system,
            version=version,
            tools=pickle.dumps(tuple(tools)),
            seed=seed,
            temperature=temperature,
            max_tokens=max_tokens,
        )
        return await ASKING.get()(question)


class Answering:
    """Where the run is: answers questions of actors through its own way to the chat models."""

    def __init__(self, calls: ChatGateway | None) -> None:
        self._calls = calls
        self._clients: dict[tuple[ChatRole, str], ChatClient] = {}

    async def answer(self, number: int, pickled: bytes) -> bytes:
        """The parcel for the question of that number: the answer, or the error it raised."""
        try:
            question: Question = pickle.loads(pickled)
            reply = await self._client(question.role, question.spec).ask(
                question.messages,
                system=question.system,
                version=question.version,
                tools=_tools(question.tools),
                seed=question.seed,
                temperature=question.temperature,
                max_tokens=question.max_tokens,
            )
            return packed_result(number, reply)
        except Exception as error:  # the item that asked raises it
            return packed_error(error)

    def _client(self, role: ChatRole, spec: str) -> ChatClient:
        if self._calls is None:
            raise RuntimeError("a question to a chat model, and the run has no way to any")
        if (role, spec) not in self._clients:
            self._clients[role, spec] = self._calls.chat(role, spec)
        return self._clients[role, spec]


@lru_cache(maxsize=64)
def _tools(pickled: bytes) -> tuple[Tool, ...]:
    """The same objects for the same bytes: the cache of answers knows tools by identity."""
    found: tuple[Tool, ...] = pickle.loads(pickled)
    return found
