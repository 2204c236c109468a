"""`harness report`: what a run found, in the terminal, as JSON, SVG or a single HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.cli.running import show


def register(app: typer.Typer) -> None:
    app.command()(report)


def report(
    run: options.Run,
    svg: Annotated[
        Path | None, typer.Option(help="Write the terminal output here as an SVG image.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the report here as a single HTML page.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Show the report of a run, complete or not."""
    from harness.report.report_files import write_report_files
    from harness.results.report_document import current_report
    from harness.run_folder import RunFolder

    store = RunFolder.open(run)
    found = current_report(store)
    write_report_files(store, found, svg=svg, html=html)
    show(found, as_json=as_json)
