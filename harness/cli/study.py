"""`harness study`: run the arms and seeds of an experiment, and report the results."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.running import emit, say, watching
from harness.runtime.counting import counted

if TYPE_CHECKING:
    from harness.study.folder import StudyFolder
    from harness.study.spec import Turn

RESUME = "repeat the command to continue"

Minutes = Annotated[
    float | None,
    typer.Option(min=0, help="Stop starting arms that would not finish in this time."),
]
Jobs = Annotated[int, typer.Option(min=1, help="Arms to run in parallel; they share the cores.")]


def register(app: typer.Typer) -> None:
    study = typer.Typer(
        no_args_is_help=True, help="Run an experiment of arms and seeds, and report its results."
    )
    study.command()(run)
    study.command()(report)
    study.command()(merge)
    study.command(hidden=True)(turn)
    app.add_typer(study, name="study")


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Study file (TOML).")],
    out: Annotated[Path, typer.Option(help="Study folder to create or continue.")],
    arm: Annotated[
        list[str] | None,
        typer.Option("--arm", help="Run only this arm and those it needs; repeatable."),
    ] = None,
    seed: Annotated[
        list[int] | None, typer.Option("--seed", help="Run only this seed; repeatable.")
    ] = None,
    minutes: Minutes = None,
    jobs: Jobs = 1,
    trust: options.Trust = False,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Run the unfinished arms of a study. After an interruption, repeat the command to continue."""
    from harness.study.folder import StudyFolder
    from harness.study.spec import read_study

    study = read_study(file)
    turns = study.turns(seed, arm)
    if dry_run:
        _show(StudyFolder(out, study), turns, as_json)
        return
    folder = StudyFolder.begin(out, study)
    run_turns(folder, turns, minutes, jobs, trust=trust)
    _show(folder, turns, as_json)


def run_turns(
    folder: StudyFolder, turns: list[Turn], minutes: float | None, jobs: int, *, trust: bool
) -> None:
    """Run the turns, with progress on stderr."""
    from harness.report.study.progress import said
    from harness.study.runner import run_study

    say(said(folder, turns))
    watch = partial(watching, RESUME)
    run_study(folder, turns, minutes=minutes, jobs=jobs, trust=trust, watch=watch, say=say)


def report(
    source: Annotated[
        Path, typer.Argument(metavar="STUDY|FILE", help="Study folder, or its results.json.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Write the page (Markdown) here, with plots and results beside it."),
    ] = None,
    notes: Annotated[Path | None, typer.Option(help="Markdown file to append to the page.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Compare a study's results with its expectations; write the page with tables and plots."""
    from harness.report.study.page_files import write_page
    from harness.report.study.summary import summary_table, summary_values
    from harness.study.folder import results_file
    from harness.study.results_file import read_results

    file = results_file(source)
    results = read_results(file)
    if out is not None:
        pictures = write_page(results, file, out, notes)
        say(f"Written: {out} and {len(pictures)} plots beside it")
    emit(summary_values(results), summary_table(results), as_json=as_json)


def merge(
    sources: Annotated[
        list[Path], typer.Argument(metavar="STUDY|FILE...", help="Study folders, or results.json.")
    ],
    out: Annotated[Path, typer.Option(help="Results file to write; may be one of those read.")],
) -> None:
    """Join results of the same study from several machines or days, seed by seed."""
    from harness.study.merging import merge_results

    turns = merge_results(sources, out)
    say(f"Written: {out} with {counted(turns, 'turn')}")


def turn(
    folder: Annotated[Path, typer.Argument(metavar="STUDY", help="Study folder.")],
    arm: Annotated[str, typer.Option(help="Arm to run.")],
    seed: Annotated[int, typer.Option(help="Seed of the arm.")],
    tied: Annotated[bool, typer.Option("--tied", help="Exit when stdin closes.")] = False,
    cores: Annotated[str, typer.Option(metavar="N,N,...", help="Cores to run on.")] = "",
) -> None:
    """Run one arm with one seed in this process."""
    from harness.llm.roles import open_registry
    from harness.study.folder import StudyFolder
    from harness.study.runner import run_turn
    from harness.study.spec import Turn
    from harness.study.turn_process import bind_to_cores, end_with_stdin

    bind_to_cores([int(core) for core in cores.split(",") if core])
    if tied:
        end_with_stdin()
    chosen = Turn(seed=seed, arm=arm)
    say(f"— {chosen}")
    run_turn(StudyFolder.open(folder), chosen, open_registry(), watch=partial(watching, RESUME))


def _show(folder: StudyFolder, turns: list[Turn], as_json: bool) -> None:
    from harness.report.study.progress import progress_table, progress_values

    emit(progress_values(folder, turns), progress_table(folder, turns), as_json=as_json)
