"""The settings of supervised fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from harness.training.low_rank import LowRank


@dataclass(frozen=True, kw_only=True)
class Options:
    """How long to train, and how.

    ``seconds``: time budget; ``cpu_seconds``: budget of CPU time over all cores, which a busy
    machine does not shrink; None for both: only ``max_steps``. ``batch_size``: conversations per
    step. ``max_length``: tokens of a conversation that are kept. ``part_tokens``: tokens that pass
    through the model at once. ``eval_steps``: steps between evaluations of the held-out loss; after
    ``patience`` of them without a gain of 1% the learning rate starts to decay, after as many again
    training ends. A killed run resumes from the last multiple of ``save_steps`` steps.
    ``lora``: train adapters of low rank alone, and add them to the weights at the end.
    ``threads``: None for as many as torch uses. ``bf16``: None for bfloat16 where that is fast.
    """

    seconds: PositiveFloat | None = None
    cpu_seconds: PositiveFloat | None = None
    max_steps: PositiveInt = 1000
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
