"""What a run would do: plugins, sizes and expected rollouts, from the configuration alone."""

from __future__ import annotations

from collections.abc import Sequence

from harness.assembly.components import Components
from harness.types import Json
from harness.types.names import StationName


def plan(parts: Components, names: Sequence[str]) -> dict[str, Json]:
    """The resolved plan for the stations of these names: who plays what, evaluation conversations
    and all settings.
    """
    config = parts.config
    on_test = config.test_tasks * config.test_trials
    on_validation = config.validation_tasks * config.validation_trials
    evaluations = {name: StationName(name).evaluation for name in names}
    rollouts: dict[str, Json] = {
        name: on_test if evaluation.on_split == "test" else on_validation
        for name, evaluation in evaluations.items()
        if evaluation is not None
    }
    return {
        "plugins": {f"{kind} ({name})": _plugin(parts, kind, name) for kind, name in parts.names()},
        "stations": list(names),
        "evaluation_rollouts": rollouts,
        "rewards": dict(config.rewards),
        "settings": config.plain(),
    }


def _plugin(parts: Components, kind: str, name: str) -> str:
    offer, _ = parts.registry.find(kind, name)
    return offer.plugin
