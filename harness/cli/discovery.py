"""`harness discover` and `why`: error patterns, and the lineage of a failure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import flag_values, options
from harness.cli.running import emit, say, watching

if TYPE_CHECKING:
    from harness.run_folder import RunFolder


def register(app: typer.Typer) -> None:
    app.command()(discover)
    app.command()(why)


def discover(
    sources: Annotated[
        list[Path], typer.Argument(metavar="RUN|FILE...", help="Run folders or recordings.")
    ],
    number: options.Round = 1,
    evaluation: Annotated[
        str, typer.Option(help="Evaluation to read, such as sft-validation.")
    ] = "",
    again: options.Again = False,
    map_: Annotated[
        Path | None, typer.Option("--map", help="Also write the map of failures (SVG) here.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for a recording's run or for the comparison.")
    ] = None,
    namer: options.Namer = None,
    judge: Annotated[
        str | None,
        typer.Option(help="Judge that diagnoses failures; default: the run's own, or by rules."),
    ] = None,
    clusterer: options.Clusterer = None,
    format: Annotated[
        str, typer.Option("--format", help="Format of a file, if its content does not tell.")
    ] = "",
    outcome: options.Outcome = "",
    failed_if: options.FailedIf = "",
    redact: options.Redact = None,
    option: options.Option = None,
    trust: options.Trust = False,
    as_json: options.AsJson = False,
) -> None:
    """Diagnose failures, assign blame, and cluster the agent's failures into error patterns.

    A recording in any installed format is imported first; one without a domain may need --outcome
    or --failed-if. Several sources are clustered together and compared with the first.
    """
    from harness.assembly.opening import new_folder
    from harness.report import patterns_table
    from harness.report.comparison import comparison_table, comparison_values
    from harness.report.map_files import draw_round, write_comparison
    from harness.study.comparison import Reading, compare_sources, discover_source

    tables = flag_values.option_tables(option)
    reading = Reading(
        evaluation=evaluation, again=again, namer=namer, options=tables, trust=trust, format=format,
        adoption=flag_values.adoption(outcome, failed_if, redact), judge=judge,
        clusterer=clusterer,
    )  # fmt: skip
    if len(sources) > 1:
        folder = out or new_folder("comparison")
        with watching() as observers:
            compared = compare_sources(sources, reading, folder, observers=observers)
        path = write_comparison(compared, folder, map_)
        values = {**comparison_values(compared), "map": str(path)}
        emit(values, comparison_table(compared), as_json=as_json)
        say(f"Map: {path}\nKept: {folder}")
        return
    with watching() as observers:
        store, found = discover_source(sources[0], number, reading, out=out, observers=observers)
    say(_read(store, number))
    path = draw_round(store, number, map_)
    kept = {key: found[key] for key in ("blame", "patterns", "discovery", "shifts")}
    values = {"run": str(store.folder), "map": str(path), **kept}
    emit(values, patterns_table(found), as_json=as_json)
    say(f"Map: {path}")


def _read(store: RunFolder, number: int) -> str:
    """How many conversations the round's patterns are from, and how they ended."""
    from harness.discovery.station import evaluation_read
    from harness.runtime.counting import counted

    name = evaluation_read(store, number)
    found = store.read_outlines(name)
    failed = sum(not one.score.success and not one.uncounted for one in found)
    lost = sum(bool(one.uncounted) for one in found)
    left_out = f", {lost} not counted" if lost else ""
    return f"{name}: {counted(len(found), 'conversation')}, {failed} failed{left_out}"


def why(
    id: Annotated[
        str,
        typer.Argument(
            metavar="FAILURE|PATTERN|TASK|ROLLOUT",
            help="Id, the first digits of one, a pattern's name, or a log's own id.",
        ),
    ],
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="Run folder; default: the newest.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Trace a failure to the tasks and training it led to, or a targeted task or rollout back to
    its failure.
    """
    from harness.assembly.opening import newest_run
    from harness.report.why import why_tree, why_values
    from harness.results.lineage import lineage
    from harness.run_folder import RunFolder

    found = lineage(RunFolder.open(run or newest_run()), id)
    emit(why_values(found), why_tree(found), as_json=as_json)
