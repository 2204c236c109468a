"""What a rollout needs: the job, the limits, and everyone who takes part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.protocols.domain import Domain
from harness.protocols.judge import AssertionJudge
from harness.protocols.plugin_names import NO_PLUGINS, PluginNames
from harness.protocols.reward_term import WeightedTerm
from harness.protocols.user_simulator import UserSimulator
from harness.types import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutJob:
    """One conversation to run.

    ``user_seed``: the user's own seed, where several conversations are to have the same user;
    None: ``seed``.
    """

    task: Task
    trial: int
    seed: int
    user_seed: int | None = None

    def __str__(self) -> str:
        return f"trial {self.trial} of task {self.task.id}, seed {self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutLimits:
    """When to stop: after ``message_limit`` messages since the greeting, or more than
    ``max_errors`` failed calls of the agent. More than ``max_errors`` of the user, or
    ``time_limit`` seconds (None: no limit), are a fault.
    """

    message_limit: int = 80
    max_errors: int = 10
    time_limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSetup:
    """Everything a rollout needs besides policy and job.

    ``judge`` decides what a grade leaves to be judged in words; without one it stays undecided.
    ``plugins`` names them all in errors, the policy too.
    """

    domain: Domain
    user: UserSimulator
    terms: Sequence[WeightedTerm] = ()
    limits: RolloutLimits = field(default_factory=RolloutLimits)
    judge: AssertionJudge | None = None
    plugins: PluginNames = NO_PLUGINS
