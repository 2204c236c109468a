"""Reinforcement: train a policy on its own rollouts, each judged against its group."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import MissingExtra
from harness.hookspecs import Factory, hookimpl
from harness.protocols import Settings, Trainer


@hookimpl
def harness_trainers() -> Mapping[str, Factory[Trainer]]:
    return {"grpo": _grpo}


def _grpo(settings: Settings) -> Trainer:
    try:
        from harness_grpo.trainer import grpo
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"the trainer 'grpo' needs {error.name}",
            hint="Install it with: pip install 'errata-harness[train]'",
        ) from error
    return grpo(settings)
