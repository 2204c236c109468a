"""The settings of supervised fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from harness.protocols import TrainingJob
from harness.training.epochs import step_count
from harness.training.low_rank import LowRank


@dataclass(frozen=True, kw_only=True)
class Options:
    """How long to train, and how.

    ``seconds``: time budget; ``cpu_seconds``: budget of CPU time over all cores, which a busy
    machine does not shrink; None for no such budget. Training has ``max_steps`` steps at most;
    None: as many as ``num_train_epochs`` passes over the demonstrations take, if these have an end,
    more as the pool grows, or else 1000.

    ``batch_size``: conversations per step. ``max_length``: tokens of a conversation that are kept.
    ``part_tokens``: tokens that pass through the model at once. ``eval_steps``: steps between
    evaluations of the held-out loss; after ``patience`` of them without a gain of 1% the learning
    rate starts to decay, after as many again training ends. A killed run resumes from the last
    multiple of ``save_steps`` steps.
    ``lora``: train adapters of low rank alone, and add them to the weights at the end.
    ``threads``: None for as many as torch uses. ``bf16``: None for bfloat16 where that is fast.
    """

    seconds: PositiveFloat | None = None
    cpu_seconds: PositiveFloat | None = None
    max_steps: PositiveInt | None = None
    num_train_epochs: PositiveFloat | None = None
    batch_size: PositiveInt = 32
    learning_rate: NonNegativeFloat = 3e-3
    max_length: PositiveInt = 2048
    part_tokens: PositiveInt = 4096
    eval_steps: PositiveInt = 50
    patience: PositiveInt = 4
    save_steps: PositiveInt = 100
    threads: PositiveInt | None = None
    bf16: bool | None = None
    gradient_checkpointing: bool = False
    lora: LowRank | None = None

    def steps(self, job: TrainingJob) -> int:
        """How many steps the training of a job has at most."""
        epochs, count = self.num_train_epochs, job.epoch_size
        return step_count(self.max_steps, epochs, count, self.batch_size, usual=1000)
