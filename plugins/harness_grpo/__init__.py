"""Reinforcement: train a policy on its own rollouts, each judged against its group."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import Trainer


@hookimpl
def harness_trainers() -> Mapping[str, Factory[Trainer]]:
    from harness_grpo.trainer import grpo

    return {"grpo": grpo}
