"""Imitation: train a policy on the tokens of demonstrations."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import Trainer


@hookimpl
def harness_trainers() -> Mapping[str, Factory[Trainer]]:
    from harness_sft.trainer import sft

    return {"sft": sft}
