"""The settings of the policy and the trainers on a Tinker server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.assembly.config import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Share,
)
from harness.protocols import TrainingJob
from harness.training.epochs import step_count
from harness_tinker.backends import BackendName
from harness_tinker.losses import PolicyLoss, ProofLoss


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """Where the server is, and which model of it to train.

    ``url``: "" for the hosted service. ``backend`` says what kind of server it is. ``base_model``:
    the model's name there ("": the folder that the policy names). ``rank`` is that of the adapter;
    0, where the server can, trains all weights. ``key_variable``: the environment variable with the
    key; no server but the hosted one is sent a key unless it is named here. ``seconds``: how long
    to wait for an answer, ``tries``: how often a call is made before a server that loses the model
    each time is given up. ``temperature`` 0 is greedy. Token counts: ``max_new_tokens`` per turn,
    ``max_context`` per conversation. ``merge``: where the base model's weights are in the folder
    that the policy names, save a whole model and not only the adapter.
    """

    url: str = ""
    backend: BackendName = "skyrl-jax"
    base_model: str = ""
    rank: NonNegativeInt = 32
    key_variable: str = ""
    seconds: PositiveFloat = 600.0
    tries: PositiveInt = 3
    temperature: NonNegativeFloat = 1.0
    max_new_tokens: PositiveInt = 512
    max_context: PositiveInt = 8192
    merge: bool = True


@dataclass(frozen=True, kw_only=True)
class ImitationOptions:
    """How long to imitate, and how: conversations per step, Adam's learning rate after
    ``warmup_steps`` steps of linear rise and before it falls to 0 over the last ``decay`` of all
    steps, tokens of a conversation that are kept. ``max_steps`` steps at most; None: as many as
    ``num_train_epochs`` passes over the demonstrations take, if these have an end, or else 200. It
    also ends after ``seconds``, or ``cpu_seconds`` of this process (None: no limit), which are few.
    A killed run resumes from the last multiple of ``save_steps`` steps; ``eval_steps``: steps
    between evaluations of the held-out loss.
    """

    seconds: PositiveFloat | None = None
    cpu_seconds: PositiveFloat | None = None
    max_steps: PositiveInt | None = None
    num_train_epochs: PositiveFloat | None = None
    batch_size: PositiveInt = 32
    learning_rate: PositiveFloat = 3e-4
    warmup_steps: NonNegativeInt = 5
    decay: Share = 0.6
    max_length: PositiveInt = 8192
    eval_steps: PositiveInt = 50
    save_steps: PositiveInt = 20

    def steps(self, job: TrainingJob) -> int:
        """How many steps the training of a job has at most."""
        epochs, count = self.num_train_epochs, job.epoch_size
        return step_count(self.max_steps, epochs, count, self.batch_size, usual=200)


@dataclass(frozen=True, kw_only=True)
class ReinforcementOptions:
    """How long to reinforce, and how: as ``harness_grpo`` where the names are the same.

    ``loss``: "importance_sampling", "ppo" and "cispo" are the server's own and average over all
    tokens of an update; "gspo" has one ratio for a conversation and averages over conversations.
    ``num_iterations``: updates from the same rollouts. ``epsilon`` and ``epsilon_high`` bound the
    ratio to [1 - epsilon, 1 + epsilon_high]. ``scale_offset`` is added to the deviation of a group.
    ``proofs``: a task whose rollouts all fail learns from its proof, too, with ``proof_loss`` times
    ``proof_weight`` in the same step: a proof counts by its "tokens", as rollouts do, or as one of
    the step's "groups". ``proof_contrast``: its failed rollouts learn from the difference, too.
    ``gap_limit``: from how many nats between the server's trainer and its sampler to warn.

    The temperature is 1: servers compute log-probabilities at no other.
    """

    max_steps: PositiveInt | None = None
    num_train_epochs: PositiveFloat | None = None
    tasks_per_step: PositiveInt = 16
    num_generations: PositiveInt = 8
    num_iterations: PositiveInt = 1
    learning_rate: PositiveFloat = 1e-5
    loss: PolicyLoss = "ppo"
    epsilon: PositiveFloat = 0.2
    epsilon_high: PositiveFloat = 0.28
    scale_offset: PositiveFloat = 0.2
    proofs: bool = True
    proof_loss: ProofLoss = "cross_entropy"
    proof_weight: PositiveFloat = 1.0
    proof_mean: Literal["tokens", "groups"] = "groups"
    proof_contrast: bool = False
    gap_limit: PositiveFloat = 0.5
    save_steps: PositiveInt = 5

    def steps(self, job: TrainingJob) -> int:
        """How many steps the training of a job has at most."""
        epochs, tasks = self.num_train_epochs, len(job.tasks)
        return step_count(self.max_steps, epochs, tasks, self.tasks_per_step, usual=30)
