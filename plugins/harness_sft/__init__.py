"""Supervised fine-tuning: train a policy on the tokens of demonstrations."""

from __future__ import annotations

from collections.abc import Mapping

from harness.assembly.extras import need
from harness.hookspecs import Factory, hookimpl
from harness.protocols import Settings, Trainer


@hookimpl
def harness_trainers() -> Mapping[str, Factory[Trainer]]:
    return {"sft": _sft}


def _sft(settings: Settings) -> Trainer:
    need("the trainer 'sft'", "torch", "transformers", "datasets", "trl", extra="train")
    from harness_sft.trainer import sft

    return sft(settings)
