"""Who trains, and all that a trainer is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness.errors import ConfigError
from harness.protocols.domain import Domain
from harness.protocols.policy import InProcessPolicy, Policy, TrainablePolicy
from harness.types import Episode, Json, Task


class RunRollouts(Protocol):
    """The core's rollout engine, as trainers get it."""

    def __call__(
        self,
        policy: Policy,
        jobs: Sequence[tuple[Task, int, int]],
        *,
        guided: int = 0,
        step: int = 0,
    ) -> Sequence[Episode]:
        """Episodes for (task, trial, seed) jobs, in the order of the jobs, token traces included.

        ``guided``: in so many of the first not all turns are the policy's own, so that they say
        nothing about what it can do by itself. ``step``: the one they are for, where that is not
        the one that ends next (0).
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """All a trainer needs. It changes the policy's weights; the caller saves the result.

    ``demonstrations`` (for imitation) yields successful teacher episodes without end: fresh ones,
    or ``epoch_size`` of them again and again. Where they are of ``other_domains``, too,
    ``domain_of`` says of which.
    ``tasks`` (for reinforcement) are the task pool, ``proofs`` the teacher's successful episodes on
    them by task id, as far as there are any: with the user that rollouts on the task have.
    ``held_out`` are demonstrations never trained on. ``weights`` are those of the reward terms, in
    the order of ``Score.terms``. ``progress(step, steps, metrics)`` is called after each step,
    ``warn`` with what the user should know at once; ``folder`` is the trainer's to keep what a
    killed training resumes from; the caller removes it once the trained policy is saved.
    """

    policy: TrainablePolicy
    domain: Domain
    rollouts: RunRollouts
    seed: int
    folder: Path
    progress: Callable[[int, int, Mapping[str, float]], None]
    tasks: Sequence[Task] = ()
    proofs: Mapping[str, Episode] = field(default_factory=dict)
    demonstrations: Iterator[Episode] | None = None
    held_out: Sequence[Episode] = ()
    weights: Sequence[float] = ()
    warn: Callable[[str], None] = lambda message: None
    other_domains: tuple[Domain, ...] = ()
    epoch_size: int | None = None

    def domain_of(self, task: Task) -> Domain:
        """The domain of a task: what its conversations are written with."""
        found = (domain for domain in self.other_domains if domain.name == task.domain)
        return next(found, self.domain)

    @property
    def in_process(self) -> InProcessPolicy:
        """The policy, for a trainer that changes ``model`` in place. Raises ``ConfigError`` if its
        weights are not in this process.
        """
        if not isinstance(self.policy, InProcessPolicy):
            raise ConfigError(
                f"the policy {self.policy.checkpoint.policy!r} has no weights in this process, and "
                "the trainer changes weights in place",
                hint="Choose the trainer that belongs to the policy's server, or a local policy.",
            )
        return self.policy


class Trainer(Protocol):
    """Improves a policy. ``needs`` says on what: "demonstrations" or "tasks".

    A trainer with the attribute ``uses_proofs`` set gets ``TrainingJob.proofs``, too: they cost a
    conversation of the teacher for each task.
    """

    needs: str

    def train(self, job: TrainingJob) -> Mapping[str, Json]:
        """Train; returns the record for the checkpoint.

        The report reads ``steps``, ``tokens``, ``seconds``, ``stopped_because`` and ``curve``: a
        list of points ``{"step": n, metric: value}`` with ``loss`` for imitation and ``reward``,
        ``success``, ``term/NAME`` and ``behaviour/NAME`` (means over the step's rollouts) for
        reinforcement; and ``signs``: evidence of reward hacking, in words, by name.
        """
        ...
