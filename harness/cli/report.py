"""`harness report`: what a run found, in the terminal, as JSON, SVG or a single HTML file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.cli.running import show


def register(app: typer.Typer) -> None:
    app.command()(report)


def report(
    run: options.Run,
    svg: Annotated[Path | None, typer.Option(help="Write the terminal picture here.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the single-file page here.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Show the report of a run, finished or not."""
    from harness.report import to_html, to_svg
    from harness.results.history import failure_maps
    from harness.results.report_document import summarise
    from harness.run_folder import RunFolder, disk_errors

    store = RunFolder.open(run, warn=lambda message: typer.echo(f"warning: {message}", err=True))
    complete = store.has("report.json") and bool(store.read_json("report.json")["complete"])
    found = summarise(store, complete=complete)
    for path, make in ((svg, to_svg), (html, partial(to_html, maps=failure_maps(store)))):
        if path is not None:
            with disk_errors(path):
                path.write_text(make(found), encoding="utf-8")
    show(found, as_json=as_json)
