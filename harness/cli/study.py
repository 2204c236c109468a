"""`harness study`: arms and seeds of an experiment, and the report of what came of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.running import checked, emit, working
from harness.errors import NothingToLearn

if TYPE_CHECKING:
    from harness.study.folder import StudyFolder
    from harness.study.results_file import Results
    from harness.study.spec import Turn

Folder = Annotated[Path, typer.Argument(metavar="STUDY", help="The folder of a study.")]


def register(app: typer.Typer) -> None:
    study = typer.Typer(
        no_args_is_help=True, help="Run an experiment of arms and seeds; report it."
    )
    study.command()(run)
    study.command()(report)
    study.command(hidden=True)(turn)
    app.add_typer(study, name="study")


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The study file (TOML).")],
    out: Annotated[Path, typer.Option(help="Its folder, new or to be gone on with.")],
    arm: Annotated[
        list[str] | None, typer.Option("--arm", help="Only this arm and what it needs; repeatable.")
    ] = None,
    seed: Annotated[
        list[int] | None, typer.Option("--seed", help="Only this seed; repeatable.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Begin nothing that would not end by then.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Arms side by side, each on its cores.")] = 1,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Run what is not done yet of a study. Stopped anywhere, the same command goes on."""
    from harness.study.folder import StudyFolder
    from harness.study.spec import read_study

    study = read_study(file)
    turns = study.turns(seed, arm)
    if dry_run:
        _show(StudyFolder(out, study), turns, as_json)
        return
    folder = StudyFolder.begin(out, study)
    carry_on(folder, turns, minutes, jobs)
    _show(folder, turns, as_json)


def carry_on(folder: StudyFolder, turns: list[Turn], minutes: float | None, jobs: int) -> None:
    """Run those of the turns that are not done, as far as there is time, and write the results."""
    from harness.report.study.progress import said
    from harness.study import schedule

    _check(folder)
    clock = schedule.Clock(minutes)
    typer.echo(said(folder, turns), err=True)
    try:
        if jobs == 1:
            schedule.run_one_by_one(folder, turns, clock, lambda turn: _perform(folder, turn))
        else:
            schedule.run_side_by_side(
                folder, turns, clock, lambda turn, n, of: _start(folder, turn, n, of), jobs
            )
    finally:
        folder.results()


def report(
    source: Annotated[
        Path, typer.Argument(metavar="STUDY|FILE", help="A study's folder, or its results.json.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Write the page (Markdown) here; plots and results beside it."),
    ] = None,
    notes: Annotated[
        Path | None, typer.Option(help="A Markdown file to be put at the end of the page.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Say what was expected and what came of it; write the page with tables and plots."""
    from harness.report.study.summary import summary_table, summary_values
    from harness.study.folder import PLAN, StudyFolder
    from harness.study.results_file import read_results

    file = StudyFolder.open(source).results() if (source / PLAN).is_file() else source
    results = read_results(file)
    if out is not None:
        _write_page(results, file, out, notes)
    emit(summary_values(results), summary_table(results), as_json=as_json)


def turn(
    folder: Folder,
    arm: Annotated[str, typer.Option()],
    seed: Annotated[int, typer.Option()],
    tied: Annotated[bool, typer.Option(help="End when stdin does.")] = False,
) -> None:
    """One arm of one seed, in this process."""
    from harness.study.folder import StudyFolder
    from harness.study.spec import Turn

    if tied:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    _perform(StudyFolder.open(folder), Turn(seed=seed, arm=arm))


def _perform(folder: StudyFolder, turn: Turn) -> None:
    from harness.study.arms import prepare, run_arm
    from harness.study.cpu_meter import Meter
    from harness.study.result_rows import arm_row, shared_row
    from harness.study.spec import SHARED

    typer.echo(f"— {turn}", err=True)
    store = folder.open_run(turn)
    go_on = "the same `harness study run` goes on from there"
    with working(store, observers=(Meter(store),), go_on=go_on) as parts:
        try:
            if turn.arm == SHARED:
                prepare(parts, store)
                row = shared_row(store)
            else:
                study = folder.study
                checkpoint = run_arm(parts, store, study.arms[turn.arm], study.curve_trials)
                row = arm_row(parts, store, checkpoint)
        except NothingToLearn as nothing:
            parts.notify("warning", message=str(nothing))
            row = {"void": str(nothing), "seconds": dict(store.seconds())}
    folder.finish(turn, row)


def _start(folder: StudyFolder, turn: Turn, place: int, of: int) -> _Process:
    """The turn in a process on its share of the cores, which ends when this one does."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    share = set(cores[place::of]) or set(cores)
    words = ["study", "turn", str(folder.folder), "--arm", turn.arm, "--seed", str(turn.seed)]
    log = folder.log(turn)
    typer.echo(f"— {turn}: begun, see {log}", err=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", "from harness.cli import main; main()", *words, "--tied"],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            env={**os.environ, "OMP_NUM_THREADS": str(max(1, len(share)))},
            preexec_fn=(lambda: os.sched_setaffinity(0, share)) if share else None,
        )
    return _Process(str(turn), process)


class _Process:
    """A turn in a process of its own; says when it has ended."""

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self._name = name
        self._process = process

    def poll(self) -> int | None:
        status = self._process.poll()
        if status is not None:
            typer.echo(f"— {self._name}: {'failed' if status else 'done'}", err=True)
        return status


def _end_with_stdin() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(130)


def _check(folder: StudyFolder) -> None:
    """Find out before anything runs whether all arms can be."""
    study = folder.study
    for name in study.arms:
        checked(study.config(name, study.seeds[0]), ("validation", "test"), training=True)


def _show(folder: StudyFolder, turns: list[Turn], as_json: bool) -> None:
    from harness.report.study.progress import progress_table, progress_values

    emit(progress_values(folder, turns), progress_table(folder, turns), as_json=as_json)


def _write_page(results: Results, file: Path, out: Path, notes: Path | None) -> None:
    from harness.report.study.page import page
    from harness.report.study.plots import plots
    from harness.run_folder import disk_errors

    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        data, pictures = out.with_suffix(".json"), {}
        if data.resolve() != file.resolve():
            shutil.copyfile(file, data)
        for name, text in plots(results).items():
            picture = out.with_name(f"{out.stem}-{name}.svg")
            picture.write_text(text + "\n", encoding="utf-8")
            pictures[name] = picture.name
        said = notes.read_text(encoding="utf-8") if notes else ""
        out.write_text(page(results, data.name, pictures, said), encoding="utf-8")
    typer.echo(f"Written: {out} and {len(pictures)} plots beside it", err=True)
