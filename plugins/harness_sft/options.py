"""The settings of supervised fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Options:
    """How long to train, and how.

    ``seconds``: time budget; None: ``max_steps`` alone. ``batch_size``: conversations a step.
    ``max_length``: tokens of a conversation that are kept. ``part_tokens``: tokens that pass
    through the model at once. ``eval_every``: steps between looks at the held-out loss; after
    ``patience`` looks without a gain of 1% the learning rate begins to decay, after as many again
    training ends. ``threads``: None: as many as torch uses. ``bf16``: None: where that is fast.
    """

    seconds: float | None = None
    max_steps: int = 1000
    batch_size: int = 32
    learning_rate: float = 3e-3
    max_length: int = 2048
    part_tokens: int = 2048
    eval_every: int = 50
    patience: int = 4
    threads: int | None = None
    bf16: bool | None = None
    gradient_checkpointing: bool = False
