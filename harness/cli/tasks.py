"""`harness tasks`: look at the targeted tasks of a run, keep some out of training, export them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.running import emit, warn

if TYPE_CHECKING:
    from harness.run_folder import RunFolder
    from harness.types import Json

Ids = Annotated[
    list[str] | None, typer.Option(metavar="ID", help="A task to keep out of training; repeatable.")
]


def register(app: typer.Typer) -> None:
    app.command()(tasks)


def tasks(
    run: options.Run,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Show all about these tasks.")
    ] = None,
    number: Annotated[int | None, typer.Option("--round", min=1, help="One round only.")] = None,
    pattern: Annotated[str, typer.Option(help="Those made for the pattern with this id.")] = "",
    veto: Ids = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="A vetoed task to let in again; repeatable."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, to be kept with the veto.")] = "",
    format: Annotated[
        str, typer.Option("--format", help="Write those shown in this format, such as tau2-tasks.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="The file to write.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Look at a run's targeted tasks: what is said and wanted, which gates let them in and how."""
    from harness.injection.pool import veto as keep_out
    from harness.report import task_cards, tasks_table
    from harness.results.tasks import task_table
    from harness.run_folder import RunFolder

    store = RunFolder.open(run)
    if veto or allow:
        with store.lock():
            keep_out(store, veto or (), keep_out=True, reason=reason)
            keep_out(store, allow or (), keep_out=False)
        _warn_of_training(store, veto or [])
    log = task_table(store, number=number, pattern=pattern, ids=ids or ())
    if format or out is not None:
        typer.echo(_export(store, log, format or "tau2-tasks", out))
        return
    emit(log, task_cards(log) if ids else tasks_table(log), as_json=as_json)


def _warn_of_training(store: RunFolder, ids: list[str]) -> None:
    """Say that what was trained already has seen the tasks."""
    trained = sorted(
        path.parent.name for path in (store.folder / "checkpoints").glob("rl-*/checkpoint.json")
    )
    if ids and trained:
        warn(f"{', '.join(trained)} may have been trained on them before; later training is not")


def _export(store: RunFolder, log: dict[str, Json], format: str, out: Path | None) -> Path:
    from harness.assembly.config import parse_config
    from harness.interchange.files import write_recording
    from harness.llm.roles import open_registry
    from harness.results.tasks import chosen_tasks
    from harness.types import Recording

    path = out or store.folder / "exports" / f"{format}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    recording = Recording(
        domain=parse_config(store.config).domain,
        tasks=tuple(chosen_tasks(store, log)),
        episodes=(),
    )
    write_recording(open_registry(), recording, format, path)
    return path
