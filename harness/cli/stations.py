"""`harness inject`, `train`: the stations of a round, one by one, on a run folder."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options
from harness.cli.running import emit, show, working

Round = Annotated[int, typer.Option("--round", min=1, help="Which round.")]
Again = Annotated[bool, typer.Option("--again", help="Do it anew if it was done before.")]


def register(app: typer.Typer) -> None:
    app.command()(inject)
    app.command()(train)


def inject(
    run: options.Run,
    number: Round = 1,
    pattern: Annotated[
        str, typer.Option(metavar="ID", help="For this pattern alone; its id may be cut short.")
    ] = "",
    count: Annotated[
        int | None, typer.Option(min=1, help="How many tasks to make; else as configured.")
    ] = None,
    off: Annotated[
        list[str] | None,
        typer.Option(metavar="GATE", help="Leave a gate out this time; repeatable."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Make more next to those that are there.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Make targeted tasks for a round's error patterns; `harness tasks` shows them."""
    from harness import loop
    from harness.report import pool_table
    from harness.run_folder import RunFolder

    store = RunFolder.open(run)
    with working(store) as parts:
        if again or pattern:
            store.reopen(f"inject {number}")
        loop.inject(parts, store, number, pattern=pattern, count=count, off=off or ())
        report = loop.write_report(parts, store, complete=False)
    emit(report["pool"], pool_table(report), as_json=as_json)


def train(
    run: options.Run,
    number: Round = 1,
    control: Annotated[bool, typer.Option(help="Train the untargeted arm instead.")] = False,
    again: Again = False,
    as_json: options.AsJson = False,
) -> None:
    """Train on the pool by reinforcement learning."""
    from harness import loop
    from harness.run_folder import RunFolder

    store = RunFolder.open(run)
    arm = f"control-{number}" if control else f"rl-{number}"
    with working(store) as parts:
        if again:
            store.reopen(f"train {arm}")
        (loop.train_control if control else loop.train)(parts, store, number)
        report = loop.write_report(parts, store, complete=False)
    show(report, as_json=as_json)
