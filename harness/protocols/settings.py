"""What a plugin's factory is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from harness.errors import ConfigError
from harness.protocols.chat_model import ChatGateway
from harness.protocols.domain import Domain
from harness.protocols.inner import Inner
from harness.protocols.products import Products
from harness.types import Checkpoint, Json

Progress = Callable[[int, int], None]
"""Called with how much is done, and of how much."""


def no_inner(kind: str, name: str, options: Mapping[str, Json] | None = None) -> NoReturn:
    """Raises ``ConfigError``: these settings were made without a registry of plugins."""
    raise ConfigError(
        f"no {kind} {name!r} can be made here: these settings come from no registry",
        hint="Let `Registry.make` of harness.assembly.registry call the factory.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a factory is given.

    ``argument`` is what follows the colon in ``name:argument`` ("" if nothing). ``options`` is the
    plugin's own table from the config, to be read with ``harness.assembly.config.read_options``,
    which refuses keys that the plugin does not know. ``other_domains`` are those in which the
    policy is to work besides ``domain``: one with words of its own learns theirs, too. ``folder``
    is a place for files the product makes, inside the run; who writes there first makes it. It is
    None where there is no run folder, as in a dry run. ``calls`` is the run's way to chat models,
    with its cache, limits and budget: ``settings.calls.chat("judge", "NAME:MODEL")``. ``progress``
    is to be called with how far long work inside the product has come. ``products`` are those of
    the whole run, for executors that run parts of it in other processes. ``inner("judge",
    "rules")`` is the product of another plugin, to be wrapped.
    """

    argument: str = ""
    options: Mapping[str, Json] = field(default_factory=dict)
    seed: int = 0
    domain: Domain | None = None
    other_domains: tuple[Domain, ...] = ()
    checkpoint: Checkpoint | None = None
    folder: Path | None = None
    calls: ChatGateway | None = None
    progress: Progress | None = None
    products: Products | None = None
    inner: Inner = no_inner
