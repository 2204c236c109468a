"""Turn demonstrations into a policy that imitates them: supervised fine-tuning through TRL."""

from __future__ import annotations

from collections.abc import Mapping

from harness.config import read_options
from harness.protocols import Settings, Trainer, TrainingJob
from harness.types import Json
from harness_sft.options import Options


def sft(settings: Settings) -> Trainer:
    return SftTrainer(read_options(Options, settings, name="sft"))


class SftTrainer:
    """Trains on the policy's own tokens of demonstrations, as ``policy.encode`` renders them."""

    needs = "demonstrations"

    def __init__(self, options: Options) -> None:
        self.options = options

    def train(self, job: TrainingJob) -> Mapping[str, Json]:
        """Train in place on the device where the model is; goes on from a snapshot in the folder.

        The record has ``steps``, ``seconds``, ``tokens``, ``tokens_per_second``; ``loss`` and
        ``heldout_loss`` (nats per token of the policy; None without held-out demonstrations) and
        their ``curve``; ``stopped_because`` (max_steps, seconds, plateau, "out of demonstrations"
        or "loss not finite"); ``packed``, ``threads``, ``bf16``.
        Raises ``NothingToLearn`` without demonstrations, ``OutOfMemory``, and ``RunError`` for a
        snapshot that cannot be read or written.
        """
        # TRL takes seconds to import: not before there is something to train.
        from harness_sft.training import train

        return train(self.options, job)
