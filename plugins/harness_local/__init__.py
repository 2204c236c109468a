"""Agents that are language models in this process: of a folder or hub id, or tiny and new."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import MissingExtra
from harness.hookspecs import Factory, hookimpl
from harness.protocols import Policy, Settings


@hookimpl
def harness_policies() -> Mapping[str, Factory[Policy]]:
    return {"path": _path, "tiny": _tiny}


def _path(settings: Settings) -> Policy:
    _need_torch()
    from harness_local.opening import path_policy

    return path_policy(settings)


def _tiny(settings: Settings) -> Policy:
    _need_torch()
    from harness_local.opening import tiny_policy

    return tiny_policy(settings)


def _need_torch() -> None:
    from importlib.util import find_spec

    if missing := [name for name in ("torch", "transformers") if find_spec(name) is None]:
        raise MissingExtra(
            f"policies in this process need {' and '.join(missing)}",
            hint="Install them with: pip install 'errata-harness[train]'",
        )
