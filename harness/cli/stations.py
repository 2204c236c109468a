"""`harness inject`, `train`: single stations of a round on a run folder."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from harness.cli import flag_values, options
from harness.cli.running import emit, show, watching


def register(app: typer.Typer) -> None:
    app.command()(inject)
    app.command()(train)


def inject(
    run: options.Run,
    number: options.Round = 1,
    pattern: Annotated[
        str,
        typer.Option(metavar="ID", help="Error pattern to target; its id may be abbreviated."),
    ] = "",
    count: Annotated[
        int | None, typer.Option(min=1, help="Number of tasks; default: as configured.")
    ] = None,
    off: Annotated[
        list[str] | None,
        typer.Option(metavar="GATE", help="Admission gate to turn off; repeatable."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Generate more tasks, in addition to existing ones.")
    ] = False,
    injector: options.Injector = None,
    option: options.Option = None,
    trust: options.Trust = False,
    as_json: options.AsJson = False,
) -> None:
    """Generate targeted tasks for a round's error patterns; `harness tasks` shows them.

    With another injector or option, which the run keeps, in addition to the tasks there are.
    """
    from harness import loop
    from harness.assembly.opening import open_run
    from harness.llm.roles import open_registry
    from harness.report import pool_table
    from harness.run_folder import RunFolder

    store = RunFolder.open(run)
    changes = flag_values.changes(option, injector=injector)
    with (
        watching() as observers,
        open_run(store, open_registry(), changes, trust=trust, observers=observers) as parts,
    ):
        more = again or bool(changes)
        loop.inject(parts, store, number, pattern=pattern, count=count, off=off or (), again=more)
        report = loop.write_report(parts, store, complete=False)
    emit(report["pool"], pool_table(report), as_json=as_json)


def train(
    run: options.Run,
    number: options.Round = 1,
    arm: Annotated[
        Literal["targeted", "generic", "oracle"],
        typer.Option(
            metavar="ARM",
            help="Train on the targeted tasks, or a control on as many generic or oracle ones.",
        ),
    ] = "targeted",
    again: options.Again = False,
    trainer: options.Trainer = None,
    option: options.Option = None,
    trust: options.Trust = False,
    as_json: options.AsJson = False,
) -> None:
    """Train on the task pool with RL.

    With another trainer or option, which the run keeps, though it is trained already.
    """
    from harness import loop
    from harness.assembly.opening import open_run
    from harness.llm.roles import open_registry
    from harness.run_folder import RunFolder

    store = RunFolder.open(run)
    changes = flag_values.changes(option, trainer=trainer)
    again = again or bool(changes)
    with (
        watching() as observers,
        open_run(store, open_registry(), changes, trust=trust, observers=observers) as parts,
    ):
        if arm == "targeted":
            loop.train(parts, store, number, again=again)
        else:
            loop.train_control(parts, store, number, arm, again=again)
        report = loop.write_report(parts, store, complete=False)
    show(report, as_json=as_json)
