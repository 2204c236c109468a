"""What a plugin's product must do. Inherit from a protocol to get its defaults, or just have its
methods.

Each protocol belongs to one hook in ``harness.hookspecs``; a factory in that hook's mapping gets
``Settings`` and returns the product.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from harness.chat import ChatModel as ChatModel
from harness.chat import ChatReply as ChatReply
from harness.chat import ChatRequest as ChatRequest
from harness.events import Event as Event
from harness.events import Observer as Observer
from harness.exchange import TrajectoryFormat as TrajectoryFormat
from harness.execution import Executor as Executor
from harness.judging import AssertionJudge as AssertionJudge
from harness.judging import Clusterer as Clusterer
from harness.judging import Judge as Judge
from harness.judging import ReviewedJudge as ReviewedJudge
from harness.judging import SignReader as SignReader
from harness.judging import SurveyingClusterer as SurveyingClusterer
from harness.terms import RangedTerm as RangedTerm
from harness.terms import RewardTerm as RewardTerm
from harness.turns import AgentTurn as AgentTurn
from harness.turns import TurnTokens as TurnTokens
from harness.turns import UserTurn as UserTurn
from harness.types import (
    Changes,
    Checkpoint,
    Diagnosis,
    Episode,
    ErrorPattern,
    Feature,
    Grade,
    Json,
    Message,
    Recipe,
    Split,
    Task,
    TokenTrace,
    Tool,
    ToolCall,
    ToolResult,
    Trajectory,
)

if TYPE_CHECKING:
    from harness.llm.calls import Calls


Progress = Callable[[int, int], None]
"""Called with how much is done, and of how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a factory is given.

    ``argument`` is what follows the colon in ``name:argument`` ("" if nothing). ``options`` is the
    plugin's own table from the config, to be read with ``harness.config.read_options``, which
    refuses keys that the plugin does not know. ``folder`` is a place for files the product makes
    (inside the run). ``calls`` is the run's way to chat models, with its cache, limits and budget:
    ``settings.calls.chat("judge", "NAME:MODEL")``. ``progress`` is to be told how far a long work
    inside the product is.
    """

    argument: str = ""
    options: Mapping[str, Json] = field(default_factory=dict)
    seed: int = 0
    domain: Domain | None = None
    checkpoint: Checkpoint | None = None
    folder: Path | None = None
    calls: Calls | None = None
    progress: Progress | None = None


# --- domains -------------------------------------------------------------------------------------


class World(Protocol):
    """One conversation's view of the database; conversations never see each other's writes."""

    def call(self, call: ToolCall) -> ToolResult:
        """Carry out one call. Bad calls are results with ``is_error``; this never raises for
        them.
        """
        ...

    def changes(self) -> Changes:
        """All that differs from the start, sorted by path."""
        ...


@runtime_checkable
class Domain(Protocol):
    """An executable customer-support domain. Only ``name``, ``tools``, ``tasks`` and ``open`` are
    needed.

    Inherit from this class to get the defaults for the rest. ``vintage`` tells versions of the
    domain's data apart; it is stamped on every result. ``user_guidelines`` tell a language model
    how to play this domain's customers, besides what it is told in every domain. ``twists`` name
    what ``weave`` can do to a task, the mildest first; one that has a feature's name weaves in that
    feature.
    """

    name: str
    vintage: str = ""
    tools: Sequence[Tool]
    policy: str = ""
    greeting: str = "Hi! How can I help you today?"
    user_tools: Sequence[Tool] = ()
    user_guidelines: str = ""
    features: Sequence[Feature] = ()
    twists: Sequence[str] = ()

    def tasks(self, split: Split) -> Sequence[Task]:
        """The fixed tasks of a split, the same on every call."""
        ...

    def open(self, task: Task) -> World:
        """A fresh world in the task's starting state."""
        ...

    def stage(self, task: Task) -> Mapping[str, Json]:
        """The starting state alone: a ``Task.world`` on which another task can be told.

        The default is the task's own. Leave out of it what says how this task is to be graded.
        """
        return task.world

    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        """Endlessly many tasks, determined by the seed, on databases disjoint from validation and
        test.

        The default repeats the train tasks in seeded order.
        """
        import random

        tasks = list(self.tasks("train"))
        random.Random(seed).shuffle(tasks)
        while tasks:
            yield from tasks

    def solve(self, task: Task) -> Sequence[Sequence[ToolCall]] | None:
        """Calls that fulfil the task, one group per request of the scenario, look-ups included.

        None if the domain has no solver or sees no solution. The default deals the gold calls out:
        each group ends with the write its request wants.
        """
        groups: list[list[ToolCall]] = []
        left = list(task.gold)
        for request in task.scenario.requests:
            group: list[ToolCall] = []
            while left:
                group.append(left.pop(0))
                if request.want is not None and group[-1].same_as(request.want):
                    break
            groups.append(group)
        return groups

    def readings(self, task: Task) -> Sequence[Sequence[ToolCall]]:
        """The writes of every outcome that fits both what the customer says when asked and the
        policy. A good task has one; () if its words lead nowhere.

        The default is the gold calls, as of a domain that cannot tell.
        """
        return (task.gold,)

    def weave(self, task: Task, twist: str, seed: int) -> Task | None:
        """The task made harder in one of the domain's ``twists``, its wanted change as it was.

        None if it cannot be. The default is a domain without twists.
        """
        return None

    def problems(self, task: Task) -> Sequence[str]:
        """What of the task cannot be carried out or judged here, in words; () if all can.

        The default looks for gold calls of tools that the domain does not have.
        """
        tools = {tool.name for tool in (*self.tools, *self.user_tools)}
        unknown = dict.fromkeys(call.name for call in task.gold if call.name not in tools)
        return [f"the gold calls name {name!r}, which is no tool here" for name in unknown]

    def grade(self, task: Task, world: World, trajectory: Trajectory) -> Grade:
        """Success: the world changed exactly as the gold calls change a fresh one, and all was
        said.

        An ending other than the user's content goodbye or a transfer fails, as in tau2.
        """
        from harness.scoring import grade_by_changes

        return grade_by_changes(self, task, world, trajectory)


# --- who talks -----------------------------------------------------------------------------------


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


class Policy(Protocol):
    """The agent. Many conversations run at once on one event loop; ``act`` is called once per
    turn.
    """

    id: str

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        """The next turn. Raise ``RolloutFault`` when no turn can be had."""
        ...

    def forget(self, conversation_id: str) -> None:
        """The conversation is over: what was kept for it can go."""


@runtime_checkable
class SamplingPolicy(Policy, Protocol):
    """A policy that draws its turns at random, more or less so."""

    def set_temperature(self, temperature: float) -> None:
        """Sample at this temperature from now on (0: greedy)."""
        ...


@runtime_checkable
class TrainablePolicy(SamplingPolicy, Protocol):
    """A policy whose weights a trainer can change in place.

    ``model`` is a ``torch.nn.Module`` of a transformers causal LM, ``tokenizer`` its tokenizer:
    typed loosely so that the core needs neither.
    """

    model: Any
    tokenizer: Any
    checkpoint: Checkpoint

    def encode(self, conversation: Conversation) -> TokenTrace:
        """The ids this policy would have seen and made in a finished conversation; logprobs are
        0.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write model, tokenizer and whatever else is needed to open the policy again from
        ``folder``.
        """
        ...

    def weights_changed(self) -> None:
        """Nothing computed with the old weights (such as a KV cache) may be used any more."""
        ...


class UserSimulator(Protocol):
    """The customer. Stateless: everything it needs is in the conversation, so a resumed run goes on
    alike.
    """

    async def reply(self, task: Task, conversation: Conversation, *, seed: int) -> UserTurn:
        """The user's next message. It must not see the agent's tool calls and results.

        Calls of ``Domain.user_tools`` in it (``requestor`` "user") are carried out, and it is asked
        again.
        """
        ...


# --- who makes tasks of failures (who reads them: harness.judging) --------------------------------


class TaskInjector(Protocol):
    """Makes new tasks that provoke a pattern. The loop decides which of them are admitted."""

    def inject(
        self,
        pattern: ErrorPattern,
        members: Sequence[tuple[Episode, Diagnosis]],
        domain: Domain,
        *,
        round: int,
        seed: int,
    ) -> AsyncIterator[Task]:
        """Endless candidates, each with its ``Origin``; ``members`` are the failures of the
        pattern.

        Where one could not be made, the iterator may raise ``RolloutFault`` and go on with the
        next: it is counted among the refused.
        """
        ...


@runtime_checkable
class AttentiveInjector(Protocol):
    """What a task injector can do besides: hear how its candidates fared, and mind it."""

    def hear(self, task: Task, *, too_hard: bool) -> None:
        """The current policy always fails the candidate, or (not ``too_hard``) never does."""
        ...


# --- who scores and trains ------------------------------------------------------------------------


class Probe(Protocol):
    """A way to earn reward without the work that it is for; ``about`` says which, in words that
    follow "a policy that".
    """

    about: str

    def policy(self, honest: Policy) -> Policy:
        """The policy that cheats. Where that takes competence, it borrows that of the honest one.

        It may look at what any agent sees; the task is for the honest policy to know.
        """
        ...


class RunRollouts(Protocol):
    """The core's rollout engine, as trainers get it."""

    def __call__(self, policy: Policy, jobs: Sequence[tuple[Task, int, int]]) -> Sequence[Episode]:
        """Episodes for (task, trial, seed) jobs, in the order of the jobs, token traces
        included.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """All a trainer needs. It changes ``policy.model`` in place; the caller saves the result.

    ``demonstrations`` (for imitation) yields successful teacher episodes, endless and fresh.
    ``tasks`` (for reinforcement) are the task pool. ``heldout`` are demonstrations never trained
    on. ``weights`` are those of the reward terms, in the order of ``Score.terms``.
    ``progress(step, steps, metrics)`` is called after each step, ``warn`` told what the user should
    know at once; ``folder`` is the trainer's.
    """

    policy: TrainablePolicy
    domain: Domain
    rollouts: RunRollouts
    seed: int
    folder: Path
    progress: Callable[[int, int, Mapping[str, float]], None]
    tasks: Sequence[Task] = ()
    demonstrations: Iterator[Episode] | None = None
    heldout: Sequence[Episode] = ()
    weights: Sequence[float] = ()
    warn: Callable[[str], None] = lambda message: None


class Trainer(Protocol):
    """Improves a policy. ``needs`` says on what: "demonstrations" or "tasks"."""

    needs: str

    def train(self, job: TrainingJob) -> Mapping[str, Json]:
        """Train in place; returns the record for the checkpoint.

        The report reads ``steps``, ``tokens``, ``seconds``, ``stopped_because`` and ``curve``: a
        list of points ``{"step": n, metric: value}`` with ``loss`` for imitation and ``reward``,
        ``success``, ``term/NAME`` and ``conduct/NAME`` (means over the step's rollouts) for
        reinforcement; and ``signs``: what speaks for a gamed reward, in words, by name.
        """
        ...
