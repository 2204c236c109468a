"""`harness plugins`, `hooks`, `doctor`: what is installed, what can be extended, what is
missing.
"""

from __future__ import annotations

import typer

from harness.cli import options
from harness.cli.running import emit


def register(app: typer.Typer) -> None:
    app.command()(plugins)
    app.command()(hooks)
    app.command()(doctor)


def plugins(as_json: options.AsJson = False) -> None:
    """List installed plugins and every name they offer."""
    from harness.inventory import installed
    from harness.report import plugins_table

    found = installed()
    emit(found, plugins_table(found), as_json=as_json)


def hooks(as_json: options.AsJson = False) -> None:
    """List the extension points: what a plugin can offer."""
    from harness.inventory import extension_points
    from harness.report import hooks_table

    found = extension_points()
    emit(found, hooks_table(found), as_json=as_json)


def doctor(as_json: options.AsJson = False) -> None:
    """Check this machine: Python, optional dependencies, plugins, disk.

    Status 1 if something is broken.
    """
    from harness.inventory import checks
    from harness.report import doctor_table

    found = checks()
    emit(found, doctor_table(found), as_json=as_json)
    if any(row["state"] == "broken" for row in found):
        raise typer.Exit(1)
