"""Commands that plugin packages add: entry points of the group ``harness.commands``, each the name
of a command and a function with Typer's annotations.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from harness.cli.loudness import to_the_front

GROUP = "harness.commands"
HEADING = "From plugins"
"""What these commands stand under in the help."""


class WithOffered(TyperGroup):
    """The built-in commands, whose names nobody can take, and those of plugin packages.

    These are looked for where no built-in one is meant, so that nobody waits for a stranger's
    module. One that cannot be loaded says so when it is called; the others go on.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, to_the_front(args))

    def list_commands(self, ctx: Any) -> list[str]:
        built_in = super().list_commands(ctx)
        return [*built_in, *(name for name in _offered() if name not in built_in)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        built_in = super().get_command(ctx, cmd_name)
        point = None if built_in else _offered().get(cmd_name)
        return built_in if point is None else _command(point)


def help_of(function: Callable[..., object] | None) -> str:
    """The docstring, a line for each paragraph: Typer would break lines where the docstring
    does.
    """
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(" ".join(text.split()) for text in paragraphs)


def _offered() -> dict[str, EntryPoint]:
    """The entry points by name; of two with one name, the first."""
    from harness.assembly.entry_points import left_out

    off = left_out()
    found = sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    return {p.name: p for p in reversed(found) if not off & {p.name, _distribution(p)}}


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else ""


def _command(point: EntryPoint) -> Any:
    function = _function(point)
    app = typer.Typer(add_completion=False)
    app.command(name=point.name, help=help_of(function), rich_help_panel=HEADING)(function)
    return get_command(app)


def _function(point: EntryPoint) -> Callable[..., object]:
    try:
        found = point.load()
    except (Exception, SystemExit) as error:  # whatever a stranger's module raises
        return _broken(point, f"{type(error).__name__}: {error}")
    if not callable(found):
        return _broken(point, f"{point.value} is no function")
    function: Callable[..., object] = found
    return function


def _broken(point: EntryPoint, why: str) -> Callable[[], None]:
    whose = _distribution(point) or point.value

    def broken() -> None:
        from harness.errors import PluginFailed

        raise PluginFailed(
            f"the command {point.name!r} of {whose} cannot be loaded: {why}",
            hint=f"Mend or remove {whose}.",
        )

    broken.__doc__ = f"Cannot be loaded: {why}"
    return broken
