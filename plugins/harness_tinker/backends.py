"""Say how servers of the Tinker API differ: which clients they take, and what they do to a loss."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from harness.errors import ConfigError

BackendName = Literal["skyrl-jax", "skyrl-fsdp", "skyrl-megatron", "hosted"]

HOSTED_URL = "https://tinker.thinkingmachines.dev/services/tinker-prod"
"""The default address of the official client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A kind of server.

    ``oldest`` and ``newest``: versions of the client that it takes, both included (None: any newer
    one). ``reduction``: what becomes of the losses of tokens: their "sum" over all rows, or the
    mean over rows of each row's mean ("row_mean"). ``masks``: the losses of reinforcement want the
    mask of learnt tokens as ``weights``, too; without it all tokens would count.
    """

    oldest: tuple[int, ...]
    newest: tuple[int, ...] | None
    reduction: Literal["sum", "row_mean"]
    masks: bool


_SKYRL = Backend(oldest=(0, 16, 0), newest=(0, 24, 1), reduction="sum", masks=True)
"""Up to the client that SkyRL pins itself: newer ones send and expect protobuf alone."""

BACKENDS: Mapping[BackendName, Backend] = {
    "skyrl-jax": replace(_SKYRL, reduction="row_mean"),
    "skyrl-fsdp": _SKYRL,
    "skyrl-megatron": _SKYRL,
    "hosted": Backend(oldest=(0, 16, 0), newest=None, reduction="sum", masks=False),
}


def check_client(name: BackendName, version: str) -> None:
    """Raise ``ConfigError`` if the server does not take this version of the client."""
    backend = BACKENDS[name]
    found = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if backend.oldest <= found and (backend.newest is None or found <= backend.newest):
        return
    raise ConfigError(
        f"the backend {name!r} takes {pin(backend)}, and tinker {version} is installed",
        hint=f"Run: pip install '{pin(backend)}'",
    )


def pin(backend: Backend) -> str:
    """The requirement on the client, as pip takes it."""
    oldest = ".".join(map(str, backend.oldest))
    newest = "" if backend.newest is None else ",<=" + ".".join(map(str, backend.newest))
    return f"tinker>={oldest}{newest}"
