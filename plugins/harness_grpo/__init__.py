"""Reinforcement learning: train a policy on its own rollouts, each compared with its group."""

from __future__ import annotations

from collections.abc import Mapping

from harness.assembly.extras import need
from harness.hookspecs import Factory, hookimpl
from harness.protocols import Settings, Trainer


@hookimpl
def harness_trainers() -> Mapping[str, Factory[Trainer]]:
    return {"grpo": _grpo}


def _grpo(settings: Settings) -> Trainer:
    need("the trainer 'grpo'", "torch", "transformers", "datasets", "trl", extra="train")
    from harness_grpo.trainer import grpo

    return grpo(settings)
