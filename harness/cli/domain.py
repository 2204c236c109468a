"""`harness domain`: draft a domain package from conversations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import flag_values, options
from harness.cli.running import emit


def register(app: typer.Typer) -> None:
    app.command()(domain)


def domain(
    action: Annotated[str, typer.Argument(metavar="from-traces", help="What to make it of.")],
    file: Annotated[Path, typer.Argument(help="Conversations in any installed format.")],
    out: Annotated[Path, typer.Option(help="Folder to create.")],
    name: Annotated[str, typer.Option(help="Name of the domain.")] = "drafted",
    format: Annotated[
        str, typer.Option("--format", help="Format of the file, if its content does not tell.")
    ] = "",
    outcome: options.Outcome = "",
    failed_if: options.FailedIf = "",
    redact: options.Redact = None,
    option: options.Option = None,
    as_json: options.AsJson = False,
) -> None:
    """Draft an installable domain package: `harness domain from-traces FILE --out FOLDER`.

    Tools with inferred schemas, recorded look-ups, tasks of conversations that went well, and a
    list of what a person must decide. The draft is checked by the conformance kit.
    """
    from harness.interchange.draft_check import verdict_on_draft
    from harness.interchange.drafting import draft_domain
    from harness.llm.roles import open_registry
    from harness.report.lists import draft_lines

    if action != "from-traces":
        raise typer.BadParameter(f"{action!r} is not from-traces", param_hint="ACTION")
    draft = draft_domain(
        open_registry(), file, out, name=name, format=format,
        options=flag_values.option_tables(option),
        adoption=flag_values.adoption(outcome, failed_if, redact),
    )  # fmt: skip
    found = {**draft.plain(), "problem": verdict_on_draft(out, name)}
    emit(found, draft_lines(found), as_json=as_json)
