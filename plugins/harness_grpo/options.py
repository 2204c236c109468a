"""The settings of GRPO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Options:
    """How long to train, and how.

    A step plays ``tasks_per_step`` tasks ``group_size`` times each at ``temperature`` and makes
    one update. ``steps`` or ``seconds`` (None: no limit) end the run, whichever comes first; so
    does a collapse, unless ``guard`` is off: success over 5 steps below half of that over the
    first 3, upon which the best weights seen come back.

    ``scale`` divides advantages by the deviation of their group, or of the batch, plus
    ``scale_offset`` (in the unit of rewards), which keeps groups of little spread from being blown
    up; with "none" they are the plain differences from the group's mean. ``clip_low`` and
    ``clip_high`` bound the ratio to the sampler's probability to [1 - clip_low, 1 + clip_high].
    ``part_tokens``: tokens that pass through the model at once. ``max_completion_length`` only
    normalises "dr_grpo". ``threads``: None: as many as torch uses.
    """

    steps: int = 30
    seconds: float | None = None
    tasks_per_step: int = 12
    group_size: int = 8
    temperature: float = 1.0
    learning_rate: float = 3e-4
    max_grad_norm: float = 1.0
    loss: Literal["dapo", "grpo", "dr_grpo", "bnpo", "cispo"] = "dapo"
    importance: Literal["token", "sequence"] = "token"
    scale: Literal["group", "batch", "none"] = "group"
    scale_offset: float = 0.2
    clip_low: float = 0.2
    clip_high: float = 0.28
    part_tokens: int = 4096
    max_completion_length: int = 2048
    guard: bool = True
    threads: int | None = None
    bf16: bool = False
    gradient_checkpointing: bool = False
