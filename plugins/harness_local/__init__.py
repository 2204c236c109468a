"""Policies that are language models in this process: from a folder or hub id, or tiny and new."""

from __future__ import annotations

from collections.abc import Mapping

from harness.assembly.extras import need
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
    need("policies in this process", "torch", "transformers", extra="train")
