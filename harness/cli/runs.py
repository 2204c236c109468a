"""`harness runs`: the runs in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.cli.running import emit


def register(app: typer.Typer) -> None:
    app.command()(runs)


def runs(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder that holds run folders.")
    ] = Path("runs"),
    as_json: options.AsJson = False,
) -> None:
    """List the runs in runs/, the newest first: how far each got, and its Pass^1."""
    from harness.report.lists import runs_table
    from harness.results.runs import run_list

    found = run_list(folder)
    emit(found, runs_table(found), as_json=as_json)
