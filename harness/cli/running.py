"""What commands that work on a run folder share: opening it, live progress, showing the report."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.cli import options
from harness.errors import BudgetSpent, HarnessError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from harness.assembly.components import Components
    from harness.assembly.config import LoopConfig
    from harness.protocols import Domain, Observer
    from harness.run_folder import RunFolder
    from harness.types import Json, Split, Task

CALLS = "calls.json"
SHOWN = 10
"""Warnings of one kind that are printed one by one."""


def open_run(
    config: LoopConfig,
    out: Path | None,
    resume: Path | None,
    *,
    splits: Sequence[Split] = ("validation", "test"),
    training: bool = True,
) -> RunFolder:
    """The run folder to work in: the one to resume, or a new one with this configuration.

    A new one is made only once all that the run needs was found: its plugins, and enough tasks in
    the ``splits`` it evaluates on.
    """
    from harness.run_folder import RunFolder

    if resume is not None:
        if out is not None and out != resume:
            raise typer.BadParameter("give --out or --resume, not both")
        return RunFolder.open(resume)
    checked(config, splits, training=training)
    folder = out or Path("runs") / time.strftime(f"{config.domain}-%Y%m%d-%H%M%S")
    return RunFolder.create(folder, config.plain())


@contextmanager
def working(
    store: RunFolder,
    changes: Mapping[str, Json] | None = None,
    *,
    observers: tuple[Observer, ...] = (),
    go_on: str = "",
) -> Iterator[Components]:
    """The run's products, with live progress on stderr and the folder locked while in use.

    ``changes`` (None: not given) replace settings of the run, and stay. Ctrl-C and a budget that is
    spent leave the folder as it is and say how to ``go_on``; an error before anything was made in a
    new folder leaves no folder.
    """
    from harness.assembly.config import parse_config
    from harness.cli.interrupt import interruptions
    from harness.report.live import LiveProgress

    given = {key: value for key, value in (changes or {}).items() if value is not None}
    with store.lock(), interruptions() as interrupts, LiveProgress() as live:
        config = store.change(given) if given else store.config
        parts = options.make_parts(parse_config(config), (live, interrupts, *observers))
        store.warn = lambda message: parts.notify("warning", message=message)
        try:
            with counted(parts, store):
                yield parts
        except BudgetSpent:
            typer.echo(f"Kept: {store.folder}", err=True)
            raise
        except HarnessError:
            store.discard_if_unused()
            raise
        except KeyboardInterrupt:
            parts.notify("run_interrupted")
            usual = f"`loop` and `eval` go on with --resume {store.folder}"
            typer.echo(f"Kept; {go_on or usual}", err=True)
            raise


@contextmanager
def counted(parts: Components, store: RunFolder) -> Iterator[None]:
    """Calls to chat models count on from the run's earlier ones; what they came to is kept in the
    folder and said on stderr.
    """
    parts.calls.go_on(
        store.read_json(CALLS) if store.has(CALLS) else {},
        lambda counts: store.write_json(CALLS, counts),
    )
    try:
        yield
    finally:
        if counts := parts.calls.counts():
            parts.notify("calls_counted", roles=counts)
            typer.echo(f"Chat models: {parts.calls.summary()}", err=True)


def show(report: Mapping[str, Json], *, as_json: bool) -> None:
    """The report on stdout."""
    from harness.report import terminal

    emit(report, terminal.render(report), as_json=as_json)


def emit(plain: object, picture: RenderableType, *, as_json: bool) -> None:
    """Either the plain values as JSON or the picture of them, on stdout."""
    if as_json:
        sys.stdout.write(json.dumps(plain, indent=2, ensure_ascii=False) + "\n")
        return
    draw(picture)


def draw(picture: RenderableType, *, to_stderr: bool = False) -> None:
    """The picture on stdout, or on stderr where stdout is for machines."""
    from rich.console import Console

    Console(highlight=False, stderr=to_stderr).print(picture)


def show_plan(
    config: LoopConfig,
    stations: Callable[[Components], Sequence[str]],
    *,
    splits: Sequence[Split] = ("validation", "test"),
    training: bool = True,
    as_json: bool,
) -> None:
    """What a run with this configuration would do, without doing it."""
    from harness.assembly.dry_run import plan
    from harness.report import plan_table

    parts = checked(config, splits, training=training)
    planned = plan(parts, stations(parts))
    emit(planned, plan_table(planned), as_json=as_json)


def warn_of_problems(domain: Domain, tasks: Sequence[Task]) -> None:
    """Say on stderr what of the tasks the domain cannot carry out or judge."""
    found = [f"task {task.id!r}: {words}" for task in tasks for words in domain.problems(task)]
    for line in found[:SHOWN]:
        warn(line)
    if len(found) > SHOWN:
        warn(f"{len(found) - SHOWN} more such problems")


def warn(message: str) -> None:
    """One line on stderr."""
    typer.echo(f"warning: {message}", err=True)


def checked(config: LoopConfig, splits: Sequence[Split], *, training: bool) -> Components:
    """The products of a configuration, all made and found to be in order, with enough tasks."""
    from harness.evaluation.station import held_out_tasks

    parts = options.make_parts(config)
    parts.check(training=training)
    for split in splits:
        count = config.test_tasks if split == "test" else config.validation_tasks
        warn_of_problems(parts.domain, held_out_tasks(parts, split, count))
    return parts
