"""`harness show`: a run's conversations, listed or one to read."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from harness.cli import options
from harness.cli.running import emit


def register(app: typer.Typer) -> None:
    app.command()(show)


def show(
    run: options.Run,
    id: Annotated[
        str | None,
        typer.Argument(metavar="CONVERSATION", help="Id, or the first digits of one."),
    ] = None,
    evaluation: Annotated[
        str, typer.Option(help="List those of this evaluation only, such as sft-test.")
    ] = "",
    only: Annotated[
        Literal["failed", "solved", "faults"] | None, typer.Option(help="List only these.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Do not cut results of tools.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Read a conversation with its verdict, changes and diagnosis; without one, list them all."""
    from harness.report.conversation import conversation_view, conversations_table
    from harness.results.conversations import conversation, conversation_list
    from harness.run_folder import RunFolder

    store = RunFolder.open(run)
    if id is None:
        listed = conversation_list(store, evaluation=evaluation, only=only)
        emit(listed, conversations_table(listed), as_json=as_json)
        return
    found = conversation(store, id)
    emit(found, conversation_view(found, full=full), as_json=as_json)
