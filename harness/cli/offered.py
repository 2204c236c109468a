"""Commands that plugin packages add: entry points of the group ``harness.commands``, each the name
of a command and a function with Typer's annotations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points

import typer
from typer.main import get_group

from harness.assembly.entry_points import left_out
from harness.errors import PluginFailed

GROUP = "harness.commands"


def register(app: typer.Typer, points: Sequence[EntryPoint] | None = None) -> None:
    """Add the commands after the built-in ones, whose names nobody can take.

    ``points``: entry points to use instead of the installed ones. A command that cannot be loaded
    says so when it is called; the others go on.
    """
    taken = {*get_group(app).commands}
    found = entry_points(group=GROUP) if points is None else points
    for point in sorted(found, key=lambda p: (p.name, p.value)):
        distribution = point.dist.name if point.dist else ""
        if point.name in taken or left_out() & {point.name, distribution}:
            continue
        taken.add(point.name)
        app.command(name=point.name)(_function(point, distribution))


def _function(point: EntryPoint, distribution: str) -> Callable[..., object]:
    try:
        found = point.load()
    except (Exception, SystemExit) as error:  # whatever a stranger's module raises
        return _broken(point, distribution, f"{type(error).__name__}: {error}")
    if not callable(found):
        return _broken(point, distribution, f"{point.value} is no function")
    function: Callable[..., object] = found
    return function


def _broken(point: EntryPoint, distribution: str, why: str) -> Callable[[], None]:
    def broken() -> None:
        raise PluginFailed(
            f"the command {point.name!r} of {distribution or point.value} cannot be loaded: {why}",
            hint=f"Mend or remove {distribution or point.value}.",
        )

    broken.__doc__ = f"Cannot be loaded: {why}"
    return broken
