"""Imitation: train a policy on the tokens of demonstrations."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import MissingExtra
from harness.hookspecs import Factory, hookimpl
from harness.protocols import Settings, Trainer


@hookimpl
def harness_trainers() -> Mapping[str, Factory[Trainer]]:
    return {"sft": _sft}


def _sft(settings: Settings) -> Trainer:
    try:
        from harness_sft.trainer import sft
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"the trainer 'sft' needs {error.name}",
            hint="Install it with: pip install 'errata-harness[train]'",
        ) from error
    return sft(settings)
