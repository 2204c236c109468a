"""The values that travel through the loop, in travel order: frozen, and without plugins.

A ``Task`` becomes ``Trajectory`` objects; a failed one becomes a ``Diagnosis``; diagnoses become
``ErrorPattern`` objects; patterns become new tasks, which carry their ``Origin``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.identity import stable_id as stable_id
from harness.identity import stable_seed as stable_seed
from harness.messages import Json as Json
from harness.messages import Message as Message
from harness.messages import Opaque as Opaque
from harness.messages import Requestor as Requestor
from harness.messages import Role as Role
from harness.messages import Tool as Tool
from harness.messages import ToolCall as ToolCall
from harness.messages import ToolKind as ToolKind
from harness.messages import ToolResult as ToolResult
from harness.scenario import Fact as Fact
from harness.scenario import Request as Request
from harness.scenario import Revision as Revision
from harness.scenario import Scenario as Scenario

Split = Literal["train", "validation", "test"]

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
"""How a conversation ended; ``cut_short``: by someone outside it, who had seen enough. The three
``*_fault`` values and ``context_overflow`` are faults: see ``FAULTS``.
"""

FAULTS: frozenset[str] = frozenset(
    {"context_overflow", "agent_fault", "user_fault", "infrastructure_fault"}
)
"""Endings that say nothing about the policy: counted and reported, never scored or trained on."""

NOT_GRADEABLE = "not_gradeable"
"""Stands for an ending where nobody could decide whether the task was done."""

Blame = Literal["agent", "user_simulator", "task", "tool", "infrastructure"]
Severity = Literal["minor", "major", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a synthesised task comes from: the lineage back to the failure that asked for it.

    ``trajectory_id`` and ``parent_task_id`` are the failure it was made for, ``exemplars`` all
    failures that the injector looked at. ``version`` is that of the injector and of its prompts.
    ``source`` are the calls of the successful trajectory that it was written from. ``feature`` is
    what was woven in, ``level`` how hard the rest was meant to be, in the injector's words.
    ``mutation`` names what made it out of the task ``mutated_from``, if it is a harder form of
    another one.
    """

    round: int
    pattern_id: str
    injector: str
    trajectory_id: str
    parent_task_id: str
    seed: int
    version: str = ""
    exemplars: tuple[str, ...] = ()
    source: tuple[ToolCall, ...] = ()
    feature: str = ""
    level: str = ""
    mutated_from: str = ""
    mutation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One conversation to be had, and what must be true at its end.

    ``world`` is all the domain needs to rebuild the starting state (a database name, a seed, or the
    state itself). ``gold`` are the calls whose effect on a fresh world is the wanted effect.
    ``communicate`` are strings the agent must have said. ``tags`` name the features it was made
    with.
    """

    id: str
    domain: str
    split: Split
    scenario: Scenario
    world: Mapping[str, Json]
    gold: tuple[ToolCall, ...] = ()
    communicate: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """Something a domain's generator can weave into a task on purpose.

    ``provokes`` are the mistake kinds (see ``Diagnosis.kind``) that tasks with this feature invite.
    """

    name: str
    description: str
    provokes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a generator is asked for: the split whose id space to use, and features with their
    weights.

    Weights are relative (unitless, >= 0); ``required`` features are in every task. ``requests`` is
    how many things the customer wants (0: as it comes); ``plain``: nothing makes the task harder
    but what is required; ``without`` are features that it is best without, as far as the records
    allow; ``about`` are names in the records that it is best about: a domain may leave these four
    out of account. An empty recipe is the domain's default mix.
    """

    split: Split = "train"
    weights: Mapping[str, float] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    requests: int = 0
    plain: bool = False
    without: tuple[str, ...] = ()
    about: tuple[str, ...] = ()


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
    statements in words that must hold too and that nobody has looked at yet; ``ungradeable`` says
    why no verdict can be had at all. Where there is either, ``success`` says nothing.
    """

    success: bool
    wanted: Changes = ()
    actual: Changes = ()
    unsaid: tuple[str, ...] = ()
    parts: Mapping[str, bool] = field(default_factory=dict)
    unjudged: tuple[str, ...] = ()
    ungradeable: str = ""

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

    def plus(self, other: Usage) -> Usage:
        return Usage(
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            calls=self.calls + other.calls,
            cost_usd=self.cost_usd + other.cost_usd,
            tokens_cached=self.tokens_cached + other.tokens_cached,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTrace:
    """The token ids of a conversation exactly as the sampler saw and made them.

    Shapes (n,): ``ids`` int64; ``sampled`` bool, True where the policy chose the token;
    ``logprobs`` float32 in nats at the sampling temperature, 0 where not sampled. Read-only arrays.
    """

    ids: NDArray[np.int64]
    sampled: NDArray[np.bool_]
    logprobs: NDArray[np.float32]

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
    """What one reward term thinks: ``value`` in [-1, 1], and why."""

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
    """A task, the conversation had on it, and how it was graded and scored: the unit stations read.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Whose fault a failed trajectory was and what went wrong.

    ``kind`` is a slug ("wrong_order"); ``turn`` the index into ``Trajectory.messages`` of the
    decisive mistake; ``evidence`` quotes the conversation or the diff.
    """

    trajectory_id: str
    task_id: str
    blame: Blame
    kind: str
    turn: int
    summary: str
    evidence: str = ""
    severity: Severity = "major"
    tool: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPattern:
    """Failures that went wrong in the same way.

    ``members`` and ``exemplars`` are trajectory ids; ``share`` is the fraction of all the round's
    agent failures; ``kinds`` counts the members' mistake kinds. ``family`` is the pattern of
    patterns it belongs to. ``coverage`` is the share in [0, 1] of the agent's failures that show
    its signs, ``gap`` how much more often they do than successes, in percentage points; None where
    that was not looked at. ``typical`` are explanations by which a clusterer knows it again.
    ``named_by`` is the chat model that wrote name and description, "" where they are made of
    distinctive terms.
    """

    id: str
    name: str
    description: str
    members: tuple[str, ...]
    share: float
    exemplars: tuple[str, ...] = ()
    kinds: Mapping[str, int] = field(default_factory=dict)
    family: str = ""
    coverage: float | None = None
    gap: Interval | None = None
    typical: tuple[str, ...] = ()
    named_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What there is to know of a clustering besides its patterns.

    ``noise`` are the trajectory ids that are in no pattern; ``quality`` says how far to trust it
    (embedding, seed, stability, silhouette, ...); ``places`` are (x, y) in [0, 1] on a map of the
    failures, by trajectory id, of all of them or of some.
    """

    noise: tuple[str, ...] = ()
    quality: Mapping[str, Json] = field(default_factory=dict)
    places: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Conversations as a file holds them, with all that it takes to grade them again.

    ``domain`` is the name of the domain that can replay them. ``about`` is what the file says of
    itself as a whole (agent, user, limits, versions). ``originals`` are the file's own records by
    trajectory id: what the values here cannot express survives in them.
    """

    domain: str
    tasks: tuple[Task, ...]
    episodes: tuple[Episode, ...]
    diagnoses: tuple[Diagnosis, ...] = ()
    about: Mapping[str, Json] = field(default_factory=dict)
    originals: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A reference to weights: ``path`` is a Hugging Face folder (or a hub id), ``policy`` the name
    that samples it.

    ``parent`` is the id of the checkpoint it was trained from, ``trained_on`` what it was trained
    on, in words; ``record`` holds the trainer's own numbers (steps, losses, seconds).
    """

    id: str
    policy: str
    path: str
    parent: str = ""
    trained_on: str = ""
    record: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A point estimate with the bounds of its confidence interval, all in percent or all in the
    unit of value.
    """

    value: float
    low: float
    high: float
