"""The settings of GRPO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from harness.protocols import TrainingJob
from harness.training.advantages import Aggregation, Scale
from harness.training.epochs import step_count
from harness.training.low_rank import LowRank

ProofLoss = Literal["luffy", "cross_entropy", "chord"]
"""How the loss of a proof's token depends on its probability."""

OffPolicy = Literal["clip", "truncate", "mask"]
"""What is done about tokens that the trainer would draw with another probability."""

ProofMean = Literal["tokens", "groups"]
"""Whether proofs count by their tokens, as own rollouts do, or each as a whole group."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How long to train, and how.

    A step samples ``num_generations`` rollouts for each of ``tasks_per_step`` tasks at
    ``temperature`` and makes ``num_iterations`` updates with them. The run has ``max_steps`` steps;
    None: as many as ``num_train_epochs`` passes over the tasks take, more as the pool grows, or
    else 30. ``seconds`` (None: no limit) may end it earlier. So does a collapse, which also
    restores the best weights seen, unless ``guard`` is off (see ``harness.training.collapse``).
    ``gaming``: what to do about signs of reward hacking (see ``harness.training.signs``).
    ``warmup_steps``: the learning rate rises linearly over so many steps. A killed run resumes from
    the last multiple of ``save_steps`` steps.

    ``sampling``: tasks in shuffled rounds, or drawn with weight p(1-p) of their success rate p, at
    least ``sampling_floor``. ``resamples``: how often in a step groups without spread are replaced
    by groups of other tasks.

    ``loss_type`` is the name in TRL; "gspo" has one ratio for the whole conversation.
    ``scale_rewards`` divides advantages by the standard deviation of their group, or of the batch,
    plus ``scale_offset`` (in the unit of rewards), which keeps groups with little spread from being
    amplified; with "none" they are the plain differences from the group's mean.
    ``multi_objective_aggregation``: "sum_then_normalize" does this to the weighted sum of the
    reward terms, "normalize_then_sum" to each term by itself before summing. ``epsilon`` and
    ``epsilon_high`` clip the ratio to the sampler's probability to [1 - epsilon, 1 +
    epsilon_high]; "cispo" has only the upper bound. ``beta`` weighs the KL divergence (nats) from
    the initial weights; ``track_kl`` logs it where ``beta`` is 0. ``max_completion_length`` only
    normalises "dr_grpo".

    ``off_policy``: "clip" takes the loss's ratio to the sampler's own probability; "truncate" and
    "mask" take it to the trainer's at the start of the step, and weigh each token by how the two
    differ there, up to ``off_policy_cap`` (see ``harness_grpo.off_policy``): for samplers that
    compute otherwise than the trainer, or with older weights. ``ahead``: 1 begins the rollouts of
    the next step before this step's updates, so that sampling elsewhere goes on meanwhile; tokens
    are then one step old. Rollouts with older ones are not trained on.

    ``lora``: train adapters of low rank alone, and add them to the weights at the end.

    ``unsolved``: what becomes of a task where all rollouts of a group fail, by its proof, the
    teacher's own successful conversation: nothing ("skip"); it joins the group ("proof"); proofs
    are collected, and at ``buffer_size`` of them (or all usable) an epoch of imitation follows, in
    batches of ``buffer_batch_size`` ("buffer"); later steps have, as a share of at most
    ``prefix_share`` of their groups, rollouts that start with the shortest part of the proof that
    sometimes leads to success ("prefix"). A task without a usable proof is skipped.
    ``proof_loss``, ``proof_mean``, ``proof_weight``: the loss of joined proofs, see
    ``harness_grpo.proof_losses``; ``proof_contrast``: the failed rollouts that a proof joins learn
    from the difference, too.

    ``part_tokens``: tokens that pass through the model at once. ``threads``: None for as many as
    torch uses. ``bf16``: None for bfloat16 on a GPU that supports it.
    """

    max_steps: PositiveInt | None = None
    num_train_epochs: PositiveFloat | None = None
    seconds: PositiveFloat | None = None
    tasks_per_step: PositiveInt = 12
    num_generations: Annotated[int, Field(ge=2)] = 8
    num_iterations: PositiveInt = 1
    temperature: PositiveFloat = 1.0
    learning_rate: NonNegativeFloat = 3e-4
    warmup_steps: NonNegativeInt = 0
    max_grad_norm: PositiveFloat = 1.0
    sampling: Literal["uniform", "learnability"] = "uniform"
    sampling_floor: Annotated[float, Field(gt=0, le=0.25)] = 0.02
    resamples: NonNegativeInt = 0
    loss_type: Literal["dapo", "grpo", "dr_grpo", "gspo", "cispo"] = "dapo"
    scale_rewards: Scale = "group"
    multi_objective_aggregation: Aggregation = "sum_then_normalize"
    scale_offset: PositiveFloat = 0.2
    epsilon: Annotated[float, Field(gt=0, lt=1)] = 0.2
    epsilon_high: PositiveFloat = 0.28
    beta: NonNegativeFloat = 0.0
    track_kl: bool = True
    max_completion_length: PositiveInt = 2048
    off_policy: OffPolicy = "clip"
    off_policy_cap: Annotated[float, Field(gt=1)] = 2.0
    ahead: Annotated[int, Field(ge=0, le=1)] = 0
    lora: LowRank | None = None
    unsolved: Literal["skip", "proof", "buffer", "prefix"] = "skip"
    proof_loss: ProofLoss = "cross_entropy"
    proof_mean: ProofMean = "groups"
    proof_weight: PositiveFloat = 1.0
    proof_contrast: bool = False
    buffer_size: PositiveInt = 24
    buffer_batch_size: PositiveInt = 8
    prefix_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    guard: bool = True
    gaming: Literal["off", "warn", "stop"] = "warn"
    save_steps: PositiveInt = 5
    part_tokens: PositiveInt = 4096
    threads: PositiveInt | None = None
    bf16: bool | None = None
    gradient_checkpointing: bool = False

    def __post_init__(self) -> None:
        if self.unsolved == "prefix" and self.prefix_share * self.tasks_per_step < 1:
            raise ValueError("prefix_share of tasks_per_step is less than one group")
        if self.unsolved == "prefix" and self.ahead:
            raise ValueError(
                "with unsolved = 'prefix' a step depends on how the one before it ended: ahead "
                "must be 0"
            )

    def steps(self, job: TrainingJob) -> int:
        """How many steps the training of a job has at most."""
        epochs, tasks = self.num_train_epochs, len(job.tasks)
        return step_count(self.max_steps, epochs, tasks, self.tasks_per_step, usual=30)
