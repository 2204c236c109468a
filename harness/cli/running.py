"""What commands share: live progress and Ctrl-C around a run, and one value printed at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer

from harness.cli import options
from harness.cli.loudness import loudness
from harness.runtime.foreign_text import json_text, visible

if TYPE_CHECKING:
    from rich.console import RenderableType

    from harness.assembly.components import Components
    from harness.assembly.config import LoopConfig
    from harness.assembly.opening import Needs
    from harness.protocols import Event, Observer
    from harness.run_folder import RunFolder
    from harness.types import Json


class _Echo:
    """An ``Observer`` that says on stderr what is left of a run when it ends.

    ``resume``: how to continue after Ctrl-C; "": with ``--resume``.
    """

    def __init__(self, resume: str = "") -> None:
        self._resume = resume

    def notify(self, event: Event) -> None:
        match event.name:
            case "calls_counted":
                say(f"Chat models: {event.data['summary']}")
            case "budget_spent":
                _write(f"Run kept in {event.data['run']}")
            case "run_interrupted":
                usual = f"`loop` and `eval` continue with --resume {event.data['run']}"
                _write(f"Run kept; {self._resume or usual}")


class _Warnings:
    """An ``Observer`` that says on stderr what a run warns of, each once, and with ``every`` all
    other events as well.
    """

    def __init__(self, *, every: bool = False) -> None:
        self._every = every
        self._warned: set[str] = set()

    def notify(self, event: Event) -> None:
        message = str(event.data.get("message", ""))
        if event.name == "warning":
            if message not in self._warned:
                self._warned.add(message)
                warn(message)
        elif self._every:
            _write(f"{event.name} {json_text(dict(event.data))}")


@contextmanager
def watching(resume: str = "") -> Iterator[tuple[Observer, ...]]:
    """The observers of a run on the command line: progress on stderr, as much as is wanted, and
    Ctrl-C at the next event where Python dropped it.
    """
    from harness.cli.interrupt import interruptions

    with interruptions() as interrupts, _progress() as live:
        yield live, _Echo(resume), interrupts


@contextmanager
def _progress() -> Iterator[Observer]:
    if loudness() != "usual":
        yield _Warnings(every=loudness() == "verbose")
        return
    from harness.report.live import LiveProgress

    with LiveProgress() as live:
        yield live


@contextmanager
def at_work(
    context: typer.Context,
    config: LoopConfig,
    needs: Needs,
    out: Path | None,
    resume: Path | None = None,
    *,
    trust: bool = False,
) -> Iterator[tuple[Components, RunFolder]]:
    """The products and the folder of the run to resume, or of a new one, watched."""
    from harness.assembly.opening import begin_or_resume
    from harness.llm.roles import open_registry

    changes = options.spending(context)
    with (
        watching() as observers,
        begin_or_resume(
            config,
            needs,
            open_registry(),
            out=out,
            resume=resume,
            changes=changes,
            trust=trust,
            observers=observers,
        ) as opened,
    ):
        yield opened


def show(report: Mapping[str, Json], *, as_json: bool) -> None:
    """The report on stdout."""
    from harness.report import terminal

    emit(report, terminal.render(report), as_json=as_json)


def show_plan(
    config: LoopConfig,
    stations: Callable[[Components], Sequence[str]],
    needs: Needs,
    resume: Path | None = None,
    *,
    trust: bool = False,
    as_json: bool,
) -> None:
    """What a run with this configuration, that of the run to resume or a new one, would do,
    without doing it.
    """
    from harness.assembly.dry_run import plan
    from harness.assembly.opening import checked
    from harness.assembly.trust import refuse_unagreed, wishes
    from harness.llm.roles import open_registry
    from harness.report import plan_table

    registry = open_registry()
    if resume is not None:
        refuse_unagreed(wishes(config, registry), resume, trust=trust)
    with watching() as observers:
        parts = checked(config, needs, registry, observers)
    planned = plan(parts, stations(parts))
    emit(planned, plan_table(planned), as_json=as_json)


def emit(plain: object, picture: RenderableType, *, as_json: bool) -> None:
    """Either the plain values as JSON or the picture of them, on stdout."""
    if as_json:
        sys.stdout.write(json_text(plain, indent=2) + "\n")
        return
    draw(picture)


def draw(picture: RenderableType, *, to_stderr: bool = False) -> None:
    """The picture on stdout, or on stderr where stdout is for machines."""
    from harness.report.screen import Cleaned, screen

    screen(stderr=to_stderr).print(Cleaned(picture))


def tell(message: object) -> None:
    """One line on stdout."""
    typer.echo(visible(str(message)))


def warn(message: str) -> None:
    """One warning on stderr."""
    _write(f"warning: {message}")


@contextmanager
def folder_warnings() -> Iterator[None]:
    """Damage that is found in folders within the block is said on stderr, each once."""
    import warnings

    from harness.errors import FolderWarning

    with warnings.catch_warnings():
        warnings.simplefilter("always", FolderWarning)  # "default" forgets with each filter
        shown, said = warnings.showwarning, set[str]()

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if not issubclass(category, FolderWarning):
                shown(message, category, filename, lineno, file, line)
            elif (text := str(message)) not in said:
                said.add(text)
                warn(text)

        warnings.showwarning = show
        yield


def say(message: str) -> None:
    """One line on stderr, unless the user wants results alone."""
    if loudness() != "quiet":
        _write(message)


def _write(message: str) -> None:
    typer.echo(visible(message), err=True)
