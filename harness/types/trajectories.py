"""The results of a conversation: its trajectory and token trace, the grade and the score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.types.messages import Json, Message, ToolCall
from harness.types.tasks import Task

Ended = Literal[
    "user_stop",
    "user_gave_up",
    "agent_stop",
    "transfer",
    "max_steps",
    "too_many_errors",
    "cut_short",
    "context_overflow",
    "agent_fault",
    "user_fault",
    "infrastructure_fault",
]
"""How a conversation ended; ``cut_short``: stopped from outside, since enough was known. The three
``*_fault`` values and ``context_overflow`` are faults: see ``FAULTS``.
"""

FAULTS: frozenset[str] = frozenset(
    {"context_overflow", "agent_fault", "user_fault", "infrastructure_fault"}
)
"""Endings that say nothing about the policy: counted and reported, never scored or trained on."""

NOT_GRADEABLE = "not_gradeable"
"""Stands for an ending where it could not be decided whether the task was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field that differs from the start: ``path`` from the root, values before and after (None:
    absent).
    """

    path: tuple[str, ...]
    before: Json
    after: Json


Changes = tuple[Change, ...]
"""All that differs from the start, sorted by path: equal effects give equal ``Changes``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """Whether the wanted state was reached, and the difference if it was not.

    ``wanted`` and ``actual`` are what the gold calls and the conversation changed. ``unsaid`` are
    the ``Task.communicate`` strings that no agent message contains. ``parts`` are the verdicts that
    success is made of, by name, where a domain has several ("DB", "COMMUNICATE"). ``unjudged`` are
    statements in words that must hold too and are not judged yet; ``ungradeable`` says why there
    can be no verdict at all. Where there is either, ``success`` says nothing. ``contradicted`` says
    where a recording contradicts itself: its verdict counts as recorded, is never made anew, and
    its cause cannot be looked for.
    """

    success: bool
    wanted: Changes = ()
    actual: Changes = ()
    unsaid: tuple[str, ...] = ()
    parts: Mapping[str, bool] = field(default_factory=dict)
    unjudged: tuple[str, ...] = ()
    ungradeable: str = ""
    contradicted: str = ""

    @property
    def is_decided(self) -> bool:
        """Whether ``success`` is a verdict."""
        return not self.unjudged and not self.ungradeable


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one role consumed: tokens, model calls, US dollars.

    ``tokens_cached`` are those of ``tokens_in`` that the provider read from its own cache.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    calls: int = 0
    cost_usd: float = 0.0
    tokens_cached: int = 0

    def of_one_call(self, cost_usd: float) -> Usage:
        """The tokens, as those of one call of a model at that cost."""
        return Usage(
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
            calls=1,
            cost_usd=cost_usd,
            tokens_cached=self.tokens_cached,
        )

    def plus(self, other: Usage) -> Usage:
        return Usage(
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            calls=self.calls + other.calls,
            cost_usd=self.cost_usd + other.cost_usd,
            tokens_cached=self.tokens_cached + other.tokens_cached,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSpan:
    """The weights called ``version`` chose every sampled token at the places [start, stop)."""

    start: int
    stop: int
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSpan:
    """The sampled tokens at the places [start, stop) are what message number ``message`` says."""

    start: int
    stop: int
    message: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTrace:
    """The token ids of a conversation exactly as the sampler saw and made them.

    Shapes (n,): ``ids`` int64; ``sampled`` bool, True where the policy chose the token;
    ``logprobs`` float32 in nats at the sampling temperature, 0 where not sampled. Read-only arrays.
    ``versions`` say which weights sampled which tokens, in order and without overlap, where the
    sampler told; () where it did not, or nothing was sampled. ``turns`` say which message is made
    of which tokens, in order; () where that is not known.
    """

    ids: NDArray[np.int64]
    sampled: NDArray[np.bool_]
    logprobs: NDArray[np.float32]
    versions: tuple[VersionSpan, ...] = ()
    turns: tuple[TurnSpan, ...] = ()

    def __post_init__(self) -> None:
        for array in (self.ids, self.sampled, self.logprobs):
            array.setflags(write=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """One finished conversation. ``messages`` start with the agent's fixed greeting."""

    id: str
    task_id: str
    trial: int
    policy: str
    seed: int
    messages: tuple[Message, ...]
    ended: Ended
    fault: str = ""
    usage: Mapping[str, Usage] = field(default_factory=dict)

    @property
    def is_fault(self) -> bool:
        return self.ended in FAULTS

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The agent's tool calls in order."""
        return tuple(c for m in self.messages if m.role == "assistant" for c in m.calls)

    @property
    def results(self) -> tuple[Message, ...]:
        """The results of the agent's tool calls, one for one with ``calls``."""
        return tuple(m for m in self.messages if m.role == "tool" and m.requestor == "agent")


@dataclass(frozen=True, slots=True, kw_only=True)
class TermScore:
    """What one reward term gives: ``value`` in [-1, 1], and why."""

    name: str
    value: float
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The verdict on a trajectory: success, each term, and the weighted total (unitless)."""

    success: bool
    terms: tuple[TermScore, ...] = ()
    total: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A task, the conversation on it, and how it was graded and scored: the unit stations read.

    ``tokens`` is there where the policy is trainable and the caller asked to keep them.
    """

    task: Task
    trajectory: Trajectory
    grade: Grade
    score: Score
    tokens: TokenTrace | None = None

    @property
    def uncounted(self) -> str:
        """Why it is no evidence about the policy: its fault, "not_gradeable", or "" if it is."""
        if self.trajectory.is_fault:
            return self.trajectory.ended
        return "" if self.grade.is_decided else NOT_GRADEABLE
