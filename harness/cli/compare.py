"""`harness compare`: several runs, or arms of one, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.cli.running import emit


def register(app: typer.Typer) -> None:
    app.command()(compare)


def compare(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN[:ARM]...",
            help="Run folders; RUN:ARM or RUN:ARM-SPLIT chooses an evaluation of one.",
        ),
    ],
    html: Annotated[
        Path | None, typer.Option(help="Write the comparison here as a single HTML page.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Compare runs, or arms of one run, with the first: Pass^k, error patterns, tasks, effort.

    Tasks that both have are compared with themselves. RUN alone is its newest arm, on test tasks
    where there are some.
    """
    from harness.report.compared import compared_table
    from harness.report.page_compared import compared_page
    from harness.run_folder import disk_errors
    from harness.study.comparing import compare_runs
    from harness.study.sides import open_sides

    if len(sources) < 2:
        raise typer.BadParameter("name two runs, or two arms of one: RUN:base RUN:sft")
    found = compare_runs(open_sides(sources))
    if html is not None:
        page = compared_page(found)
        with disk_errors(html):
            html.write_text(page, encoding="utf-8")
    emit(found, compared_table(found), as_json=as_json)
