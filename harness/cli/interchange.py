"""`harness import`, `export`, `rescore`: conversations of and for other tools, and their grades."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli import flag_values, options
from harness.cli.running import draw, emit, tell, warn
from harness.runtime.foreign_text import clean, json_text

if TYPE_CHECKING:
    from harness.types import Json

Compared = Literal["writes", "all"]
FORMAT = "Format name; `harness plugins` lists them."
Format = Annotated[str, typer.Option("--format", help=FORMAT)]
Evaluation = Annotated[
    str,
    typer.Option(help="Evaluation of the run, such as sft-test, if it has several."),
]


def register(app: typer.Typer) -> None:
    app.command(name="import")(import_)
    app.command()(export)
    app.command()(rescore)


def import_(
    format: Annotated[str, typer.Argument(help=FORMAT)],
    file: Annotated[Path, typer.Argument(help="File or folder to read.")],
    out: options.Out = None,
    outcome: options.Outcome = "",
    failed_if: options.FailedIf = "",
    redact: options.Redact = None,
    option: options.Option = None,
    as_json: options.AsJson = False,
) -> None:
    """Import recorded conversations as a run folder; replay and regrade them where possible."""
    from harness.interchange.importing import import_file
    from harness.llm.roles import open_registry
    from harness.report import tally_table

    tables = flag_values.option_tables(option)
    _, found = import_file(
        open_registry(), file, out=out, options=tables, format=format,
        adoption=flag_values.adoption(outcome, failed_if, redact), warn=warn,
    )  # fmt: skip
    emit(found, tally_table(found), as_json=as_json)


def export(
    run: options.Run,
    format: Format,
    out: Annotated[Path | None, typer.Option(help="File or folder to write.")] = None,
    evaluation: Evaluation = "",
    config: Annotated[
        Path | None,
        typer.Option("--config", help=r"TOML file with an \[options.FORMAT] table."),
    ] = None,
    option: options.Option = None,
) -> None:
    """Export a run's conversations and diagnoses for other tools."""
    from harness.interchange.exporting import export_run
    from harness.llm.roles import open_registry
    from harness.run_folder import RunFolder

    tables = flag_values.option_tables(option)
    path = export_run(
        open_registry(), RunFolder.open(run), format,
        out=out, evaluation=evaluation, config=config, options=tables, warn=warn,
    )  # fmt: skip
    tell(path)


def rescore(
    source: Annotated[Path, typer.Argument(metavar="FILE|RUN", help="Recording or run folder.")],
    domain: Annotated[str, typer.Option(help="Domain; default: the recording's.")] = "",
    format: Format = "",
    evaluation: Evaluation = "",
    compared: Annotated[
        Compared,
        typer.Option(
            help="Recorded answers that must come out the same: of writes, or of all calls."
        ),
    ] = "writes",
    repeat: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE|RUN",
            help="Another run of the same model, for the noise floor; repeatable.",
        ),
    ] = None,
    option: options.Option = None,
    trust: options.Trust = False,
    as_json: options.AsJson = False,
) -> None:
    """Regrade stored conversations without any model: one line each, then the counts.

    Status 1 if none can be graded.
    """
    from harness.interchange.rescore import rescore
    from harness.llm.roles import open_registry
    from harness.report import tally_table

    tables = flag_values.option_tables(option)
    found, *repeats = (
        rescore(
            open_registry(), one, domain=domain, format=format, evaluation=evaluation,
            options=tables, compared=compared, trust=trust, warn=warn,
        )
        for one in (source, *(repeat or ()))
    )  # fmt: skip
    found.refuse_other_domains(repeats)
    for index, row in enumerate(found.rows()):
        sys.stdout.write(json_text(row) if as_json else _line(index, row))
        sys.stdout.write("\n")
    sys.stdout.flush()
    draw(tally_table(found.counts(repeats)), to_stderr=as_json)
    found.refuse_if_none_graded()


def _line(index: int, row: Mapping[str, Json]) -> str:
    reward = "-" if row["reward"] is None else row["reward"]
    words = (index, row["id"], row["task_id"], row["trial"], reward, row["termination_reason"])
    return "  ".join(clean(word, 1000) for word in (*words, row["problem"])).rstrip()
