"""Training and sampling on a server that speaks the Tinker API: SkyRL's own, or the hosted one."""

from __future__ import annotations

from collections.abc import Mapping

from harness.assembly.extras import need
from harness.hookspecs import Factory, hookimpl
from harness.protocols import Policy, Settings, Trainer


@hookimpl
def harness_policies() -> Mapping[str, Factory[Policy]]:
    return {"tinker": _policy}


@hookimpl
def harness_trainers() -> Mapping[str, Factory[Trainer]]:
    return {"tinker-sft": _imitation, "tinker-grpo": _reinforcement}


def _policy(settings: Settings) -> Policy:
    _need("the policy 'tinker'")
    from harness_tinker.opening import tinker_policy

    return tinker_policy(settings)


def _imitation(settings: Settings) -> Trainer:
    _need("the trainer 'tinker-sft'")
    from harness_tinker.imitation import imitation

    return imitation(settings)


def _reinforcement(settings: Settings) -> Trainer:
    _need("the trainer 'tinker-grpo'")
    from harness_tinker.reinforcement import reinforcement

    return reinforcement(settings)


def _need(who: str) -> None:
    need(who, "tinker", "transformers", extra="tinker")
