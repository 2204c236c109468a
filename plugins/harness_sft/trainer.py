"""Turn demonstrations into a policy that imitates them: supervised fine-tuning through TRL."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.assembly.config import read_options
from harness.protocols import Settings, Trainer, TrainingJob
from harness.runtime.processes import can_fork
from harness.types import Json
from harness_sft.options import Options


def sft(settings: Settings) -> Trainer:
    options, calls = read_options(Options, settings, name="sft"), settings.calls
    return SftTrainer(options, shares_memory=lambda: calls is not None and calls.used)


class SftTrainer:
    """Trains on the policy's own tokens of demonstrations, as ``policy.encode`` renders them.

    ``shares_memory``: whether making the demonstrations changes this process (chat models share a
    cache, limits and a budget), so that no other process can make them.
    """

    needs = "demonstrations"

    def __init__(
        self, options: Options, *, shares_memory: Callable[[], bool] = lambda: False
    ) -> None:
        self.options = options
        self._shares_memory = shares_memory

    def train(self, job: TrainingJob) -> Mapping[str, Json]:
        """Train in place on the model's device; resumes from a snapshot in the folder.

        The record has ``steps``, ``seconds``, ``cpu_seconds`` (all cores together), ``tokens``,
        ``tokens_per_second``; ``loss`` and ``held_out_loss`` (nats per token of the policy; None
        without held-out demonstrations) and their ``curve``; ``stopped_because`` (max_steps,
        seconds, cpu_seconds, plateau, "out of demonstrations" or "loss not finite"); ``packed``,
        ``threads``, ``bf16``.
        Raises ``NothingToLearn`` without demonstrations, ``OutOfMemory``, and ``RunError`` for a
        snapshot that cannot be read or written.
        """
        # TRL takes seconds to import: not before there is something to train.
        from harness_sft.training import train

        return train(self.options, job, may_fork=can_fork() and not self._shares_memory())
