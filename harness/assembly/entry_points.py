"""Find plugins through the entry-point group ``harness``; ours are listed there exactly as a
stranger's are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points

import pluggy

from harness import hookspecs
from harness.hookspecs import PROJECT


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """One entry point: where it comes from and, if it could not be loaded, why (``error``)."""

    name: str
    module: str
    distribution: str
    version: str
    error: str = ""

    @property
    def key(self) -> str:
        """What the plugin manager calls it: unique, since a distribution names its points apart."""
        return f"{self.distribution}:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugins:
    """The plugin manager with all that loaded, and a row for every entry point, broken ones
    included.
    """

    manager: pluggy.PluginManager
    rows: tuple[PluginInfo, ...]


def discover(points: Sequence[EntryPoint] | None = None) -> Plugins:
    """Load every plugin of the group. One that is broken becomes a row with its error; the rest
    load.

    points: entry points to use instead of the installed ones.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    found = entry_points(group=PROJECT) if points is None else points
    rows = [_load(manager, point) for point in sorted(found, key=lambda p: (p.name, p.value))]
    return Plugins(manager=manager, rows=tuple(rows))


def _load(manager: pluggy.PluginManager, point: EntryPoint) -> PluginInfo:
    row = PluginInfo(
        name=point.name,
        module=point.value,
        distribution=point.dist.name if point.dist else "unknown",
        version=point.dist.version if point.dist else "",
    )
    try:
        _register(manager, point, key=row.key)
    except Exception as broken:  # a stranger's module may raise anything on import
        return replace(row, error=f"{type(broken).__name__}: {broken}")
    return row


def _register(manager: pluggy.PluginManager, point: EntryPoint, *, key: str) -> None:
    module = point.load()
    manager.register(module, name=key)
    if manager.get_hookcallers(module):
        unknown = [
            n for n in vars(module) if n.startswith("harness_") and _is_stray(manager, n, module)
        ]
        if not unknown:
            return
        manager.unregister(name=key)
        raise TypeError(f"implements hooks that do not exist: {', '.join(unknown)}")
    manager.unregister(name=key)
    raise TypeError("implements no hook; is the @hookimpl decorator missing?")


def _is_stray(manager: pluggy.PluginManager, name: str, module: object) -> bool:
    marked = manager.parse_hookimpl_opts(module, name) is not None
    return marked and not hasattr(hookspecs, name)
