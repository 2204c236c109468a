"""`harness --version`, `plugins`, `hooks`, `doctor`: what is installed, what can be extended, and
what is missing.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from harness.cli import loudness, options
from harness.cli.running import emit


def register(app: typer.Typer) -> None:
    app.callback()(about)
    app.command()(plugins)
    app.command()(hooks)
    app.command()(doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"errata-harness {version('errata-harness')}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
]


def _leave_out(given: list[str] | None) -> None:
    from harness.assembly.entry_points import leave_out

    for one in given or ():
        if not one.startswith("no:") or one == "no:":
            raise typer.BadParameter(f"{one!r} is not no:NAME", param_hint="-p")
    leave_out([one.removeprefix("no:") for one in given or ()])


Left = Annotated[
    list[str] | None,
    typer.Option("-p", metavar="no:NAME", help="Plugin or distribution to leave out; repeatable."),
]


def about(
    version: Version = False,
    plugin: Left = None,
    quiet: loudness.Quiet = False,
    verbose: loudness.Verbose = False,
    no_color: loudness.NoColor = False,
) -> None:
    """Make a tool-use agent better by training it on its own mistakes."""
    if plugin:
        _leave_out(plugin)


def plugins(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A product, a plugin or a distribution.")
    ] = "",
    as_json: options.AsJson = False,
) -> None:
    """List installed plugins and every name they offer; with a name, its options and defaults."""
    from harness.assembly.doctor import installed
    from harness.report import plugins_table

    if name:
        from harness.assembly.contracts import described
        from harness.assembly.registry import Registry
        from harness.report.lists import products_lines

        rows = described(Registry(), name)
        emit(rows, products_lines(rows), as_json=as_json)
        return
    found = installed()
    emit(found, plugins_table(found), as_json=as_json)


def hooks(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A hook, or a kind such as reward-term.")
    ] = "",
    as_json: options.AsJson = False,
) -> None:
    """List the extension points, what a plugin can offer; with a name, its whole contract."""
    from harness.assembly.doctor import extension_points
    from harness.report import hooks_table

    if name:
        from harness.assembly.contracts import contract
        from harness.report.lists import contract_lines

        whole = contract(name)
        emit(whole, contract_lines(whole), as_json=as_json)
        return
    found = extension_points()
    emit(found, hooks_table(found), as_json=as_json)


def doctor(as_json: options.AsJson = False) -> None:
    """Check this machine: Python, optional dependencies, plugins, disk.

    Status 1 if something is broken.
    """
    from harness.assembly.doctor import checks
    from harness.report import doctor_table

    found = checks()
    emit(found, doctor_table(found), as_json=as_json)
    if any(row["state"] == "broken" for row in found):
        raise typer.Exit(1)
