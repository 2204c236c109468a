"""Find plugins through the entry-point group ``harness``; ours are listed there exactly as a
stranger's are.
"""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points

import pluggy

from harness import hookspecs
from harness.hookspecs import PROJECT

OFF = "HARNESS_PLUGINS_OFF"
"""The environment variable with the plugins to leave out."""

LEFT_OUT = f"left out, as -p no:NAME or {OFF} says"


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
    off = left_out()
    rows = [
        replace(row, error=LEFT_OUT) if off & _names(row) else _load(manager, point, row)
        for point in sorted(found, key=lambda p: (p.name, p.value))
        for row in [_row(point)]
    ]
    return Plugins(manager=manager, rows=tuple(rows))


def left_out() -> frozenset[str]:
    """The plugins that the user wants left out, as the environment says: entry points or
    distributions, with commas between them.
    """
    return frozenset(name.strip() for name in os.environ.get(OFF, "").split(",") if name.strip())


def leave_out(names: Sequence[str]) -> None:
    """Have these plugins left out in this process, and in those that it starts."""
    os.environ[OFF] = ",".join(sorted(left_out() | {*names}))


def _names(row: PluginInfo) -> set[str]:
    return {row.name, row.distribution, row.key}


def _row(point: EntryPoint) -> PluginInfo:
    # Read once: a distribution parses the whole of its metadata each time.
    about = point.dist.metadata if point.dist else None
    return PluginInfo(
        name=point.name,
        module=point.value,
        distribution=about["Name"] if about else "unknown",
        version=about["Version"] if about else "",
    )


def _load(manager: pluggy.PluginManager, point: EntryPoint, row: PluginInfo) -> PluginInfo:
    try:
        _register(manager, point, key=row.key)
    except (Exception, SystemExit) as broken:  # a stranger's module may raise anything on import
        return replace(row, error=f"{type(broken).__name__}: {broken}")
    return row


def _register(manager: pluggy.PluginManager, point: EntryPoint, *, key: str) -> None:
    module = point.load()
    manager.register(module, name=key)
    callers = manager.get_hookcallers(module)
    if problem := _problem(manager, module, implements=bool(callers)):
        manager.unregister(name=key)
        raise TypeError(problem)


def _problem(manager: pluggy.PluginManager, module: object, *, implements: bool) -> str:
    """What of the module's hooks is amiss, in words; "" if nothing is."""
    own = {n: v for n, v in vars(module).items() if n.startswith(f"{PROJECT}_")}
    marked = [n for n in own if manager.parse_hookimpl_opts(module, n) is not None]
    if unknown := [n for n in marked if not hasattr(hookspecs, n)]:
        near = [_nearest(n) for n in unknown]
        return f"implements hooks that do not exist: {', '.join(unknown)}{near[0]}"
    if forgotten := [n for n, v in own.items() if n not in marked and _is_meant(n, v, module)]:
        return f"@hookimpl is missing on {', '.join(n + _nearest(n) for n in forgotten)}"
    return "" if implements else "implements no hook; is the @hookimpl decorator missing?"


def _is_meant(name: str, value: object, module: object) -> bool:
    """Whether a function without the mark was to be a hook, going by its name."""
    here = inspect.isfunction(value) and value.__module__ == getattr(module, "__name__", "")
    return here and (hasattr(hookspecs, name) or bool(_nearest(name)))


def _nearest(name: str) -> str:
    if hasattr(hookspecs, name):
        return ""
    hooks = [hook for hook in vars(hookspecs) if hook.startswith(f"{PROJECT}_")]
    near = difflib.get_close_matches(name, hooks, n=1, cutoff=0.85)
    return f" (did you mean {near[0]}?)" if near else ""
