"""`harness import`, `export`, `rescore`: conversations of and for other tools, and their grades."""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.running import SHOWN, draw, emit, warn, warn_of_problems
from harness.errors import FormatError, HarnessError

if TYPE_CHECKING:
    from harness.assembly.registry import Registry
    from harness.interchange.rescore import Regraded
    from harness.interchange.runs import Source
    from harness.run_folder import RunFolder
    from harness.types import Json

Format = Annotated[str, typer.Option("--format", help="A format from `harness plugins`.")]
Evaluation = Annotated[
    str,
    typer.Option(help="Which evaluation of the run, such as sft-test, if it has several."),
]


def register(app: typer.Typer) -> None:
    app.command(name="import")(import_)
    app.command()(export)
    app.command()(rescore)


def import_(
    format: Annotated[str, typer.Argument(help="A format from `harness plugins`.")],
    file: Annotated[Path, typer.Argument(help="The file or folder to read.")],
    out: options.Out = None,
    option: options.Option = None,
    as_json: options.AsJson = False,
) -> None:
    """Make a run folder of conversations recorded elsewhere, graded again where they replay."""
    from harness.report import tally_table

    _, found = imported(file, out, options.option_tables(option), format)
    emit(found, tally_table(found), as_json=as_json)


def imported(
    file: Path, out: Path | None, tables: dict[str, dict[str, Json]], format: str = ""
) -> tuple[RunFolder, dict[str, Json]]:
    """A new run folder with a recording's conversations as its evaluation, and what it holds."""
    from harness.interchange.files import read_source
    from harness.interchange.rescore import tally
    from harness.interchange.runs import imported_config, keep
    from harness.llm.roles import open_registry
    from harness.results.report_document import summarise
    from harness.run_folder import RunFolder

    registry = open_registry()
    source = read_source(registry, file, format=format, options=tables)
    kept = {name: table for name, table in tables.items() if name != source.format}
    config = imported_config(source, kept)
    graded, data_version = _graded(registry, source, kept)
    folder = out or Path("runs") / time.strftime(f"{config.domain}-%Y%m%d-%H%M%S")
    store = RunFolder.create(folder, config.plain())
    name = keep(store, source, graded, data_version=data_version)
    store.write_json("report.json", summarise(store, complete=True))
    counts = {**tally(graded), "tasks": len(source.recording.tasks)}
    return store, {"run": str(folder), "evaluation": name, "data_version": data_version, **counts}


def export(
    run: options.Run,
    format: Annotated[str, typer.Option("--format", help="A format from `harness plugins`.")],
    out: Annotated[Path | None, typer.Option(help="The file or folder to write.")] = None,
    evaluation: Evaluation = "",
    config: Annotated[
        Path | None, typer.Option("--config", help="A TOML file with an [options.FORMAT] table.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="An option of the format; repeatable."),
    ] = None,
) -> None:
    """Write the conversations of a run, and what was found wrong in them, for other tools."""
    from harness.assembly.config import read_tables
    from harness.interchange.files import write_recording
    from harness.interchange.runs import chosen_evaluation, recorded_run
    from harness.llm.roles import open_registry
    from harness.run_folder import RunFolder

    store, registry = RunFolder.open(run), open_registry()
    registry.find("format", format)
    name = chosen_evaluation(store, evaluation)
    recording = recorded_run(registry, store, name)
    tables = options.option_tables(option, format)
    options.refuse_unused(tables, [format])
    given = tables.get(format, {})
    written = read_tables(config).get(format, {}) if config else {}
    path = out or run / "exports" / f"{format}-{name}.json"
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        write_recording(registry, recording, format, path, {**written, **given})
    for warning in told:
        warn(str(warning.message))
    typer.echo(path)


def rescore(
    source: Annotated[Path, typer.Argument(metavar="FILE|RUN", help="A file or a run folder.")],
    domain: Annotated[str, typer.Option(help="Another domain than the recording's.")] = "",
    format: Format = "",
    evaluation: Evaluation = "",
    option: options.Option = None,
    as_json: options.AsJson = False,
) -> None:
    """Grade stored conversations again without any model: a line for each, then the counts.

    Status 0 if at least one could be graded.
    """
    from harness.interchange.files import RUN, read_source
    from harness.interchange.rescore import regrade_all, row, tally
    from harness.interchange.runs import open_domain
    from harness.llm.roles import open_registry
    from harness.report import tally_table

    registry, tables = open_registry(), options.option_tables(option)
    found = read_source(registry, source, format=format, evaluation=evaluation, options=tables)
    recording = found.recording
    name = domain or recording.domain
    options.refuse_unused(tables, [name] if found.format == RUN else [name, found.format])
    world = open_domain(registry, name, {**found.options, **tables})
    warn_of_problems(world, recording.tasks)
    graded = regrade_all(recording, world)
    for index, one in enumerate(graded):
        original = recording.originals.get(one.episode.trajectory.id)
        _say(index, row(one, data_version=world.data_version, original=original), as_json=as_json)
    sys.stdout.flush()
    counts = tally(graded)
    draw(tally_table(counts), to_stderr=as_json)
    if not counts["graded"]:
        raise FormatError(
            f"none of the {len(graded)} conversations in {source} could be graded: "
            f"{graded[0].problem}",
            hint="Check that the domain and its data are those of the recording (--domain).",
        )


def _graded(
    registry: Registry, source: Source, tables: dict[str, dict[str, Json]]
) -> tuple[list[Regraded], str]:
    """Each episode graded again, and the domain's data_version; warns of what could not be."""
    from harness.interchange.rescore import Regraded, regrade_all
    from harness.interchange.runs import open_domain

    recording = source.recording
    try:
        domain = open_domain(registry, recording.domain, tables)
    except HarnessError as error:
        warn(f"not graded again, the recorded grades stand: {error} {error.hint}")
        unseen = [
            Regraded(episode=episode, replayed=False, problem=str(error))
            for episode in recording.episodes
        ]
        return unseen, ""
    warn_of_problems(domain, recording.tasks)
    graded = regrade_all(recording, domain)
    lost = [(index, one) for index, one in enumerate(graded) if not one.replayed]
    for index, one in lost[:SHOWN]:
        warn(f"conversation {index} ({one.episode.trajectory.id}): {one.problem}")
    if len(lost) > SHOWN:
        warn(f"{len(lost) - SHOWN} more do not replay; their recorded grades stand")
    return graded, domain.data_version


def _say(index: int, row: dict[str, Json], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(row) + "\n")
        return
    reward = "-" if row["reward"] is None else row["reward"]
    words = (index, row["id"], row["task_id"], row["trial"], reward, row["termination_reason"])
    sys.stdout.write(f"{'  '.join(map(str, words))}  {row['problem']}".rstrip() + "\n")
