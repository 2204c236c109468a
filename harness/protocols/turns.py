"""A conversation so far, and one turn of it: what the agent or the user says, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.protocols.domain import Domain
from harness.types import Message, Task, Usage, VersionSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation so far. ``id`` is unique among live conversations.

    ``task`` is privileged: only teachers and reference policies may look at it, a policy under test
    sees ``messages`` and the domain's tools and policy text. ``trial`` numbers the conversations on
    the same task.
    """

    id: str
    domain: Domain
    task: Task
    messages: tuple[Message, ...]
    trial: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnTokens:
    """The tokens of one agent turn: ``context`` are the ids fed since the last turn, ``sampled``
    the choice.

    ``logprobs`` are in nats, one for each of ``sampled``, at the sampling temperature.
    ``versions`` say which weights sampled which of ``sampled``; () where that is not known.
    """

    context: Sequence[int]
    sampled: Sequence[int]
    logprobs: Sequence[float]
    versions: tuple[VersionSpan, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTurn:
    """The agent's next message; ``tokens`` where the policy is trainable; ``stop`` if it ends the
    conversation.
    """

    message: Message
    tokens: TurnTokens | None = None
    usage: Usage = field(default_factory=Usage)
    stop: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UserTurn:
    """The user's next message; ``stop`` if it is the last.

    ``transfer``: it stops because it was handed over; ``gave_up``: because the agent got nowhere.
    """

    message: Message
    usage: Usage = field(default_factory=Usage)
    stop: bool = False
    transfer: bool = False
    gave_up: bool = False
