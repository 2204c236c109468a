"""`harness ablate`: the effect of each reward term of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli import flag_values, options
from harness.cli.running import emit, say, tell
from harness.cli.study import run_turns

if TYPE_CHECKING:
    from harness.study.folder import StudyFolder

Terms = list[str] | None


def register(app: typer.Typer) -> None:
    app.command()(ablate)


def ablate(
    run: options.Run,
    source: Annotated[
        str, typer.Option("--of", help="Arm or evaluation to read; default: all RL rollouts.")
    ] = "",
    without: Annotated[
        Terms, typer.Option(metavar="NAME", help="Leave this term out; repeatable.")
    ] = None,
    only: Annotated[
        Terms, typer.Option(metavar="NAME", help="Keep this term only; repeatable.")
    ] = None,
    grid: Annotated[
        Terms,
        typer.Option(metavar="NAME=W,W,...", help="Weights to try for a term; repeatable."),
    ] = None,
    reward: options.Reward = None,
    aggregation: Annotated[
        Literal["sum_then_normalize", "normalize_then_sum"],
        typer.Option(
            metavar="HOW",
            help="Normalize the sum of the terms, or each: sum_then_normalize, normalize_then_sum.",
        ),
    ] = "sum_then_normalize",
    scale: Annotated[
        Literal["group", "batch", "none"],
        typer.Option(
            metavar="OF", help="Standard deviation to divide by: of the group, the batch, or none."
        ),
    ] = "group",
    offset: Annotated[
        float, typer.Option(min=0, help="Constant added to that standard deviation.")
    ] = 0.2,
    train: Annotated[
        bool,
        typer.Option("--train", help="Train an arm per reward, from the run's SFT checkpoint."),
    ] = False,
    seeds: Annotated[int, typer.Option(min=1, help="With --train: number of seeds.")] = 3,
    out: Annotated[
        Path | None, typer.Option(help="With --train: study folder; default: RUN/ablation.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0, help="With --train: stop starting arms that would not finish in time."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="With --train: arms to run in parallel.")] = 1,
    trust: options.Trust = False,
    as_json: options.AsJson = False,
) -> None:
    """Estimate what a run would have learned with other reward terms or weights.

    By default each term is left out and used alone, on the run's rollouts. With --train an arm is
    trained per reward, on the same tasks with the same budget; repeat the command to continue.
    """
    from harness.report.ablation import ablation_table, ablation_values
    from harness.run_folder import RunFolder
    from harness.study.ablation import Wanted, ablate_rollouts, begin_ablation
    from harness.training.reward_ablation import Rule

    store = RunFolder.open(run)
    wanted = Wanted(
        without=without or (),
        only=only or (),
        grid=flag_values.grid(grid),
        weights=flag_values.weights(reward),
    )
    if train:
        folder = begin_ablation(store, wanted, seeds, out or run / "ablation")
        run_turns(folder, folder.study.turns(), minutes, jobs, trust=trust)
        _show(folder, as_json=as_json)
        return
    rule = Rule(aggregation=aggregation, scale=scale, offset=offset)
    found = ablate_rollouts(store, wanted, rule, source)
    emit(ablation_values(found), ablation_table(found), as_json=as_json)


def _show(folder: StudyFolder, *, as_json: bool) -> None:
    from harness.report.study.summary import ablation_text, summary_values
    from harness.study.results_file import read_results

    results = read_results(folder.results())
    if as_json:
        emit(summary_values(results), "", as_json=True)
    else:
        tell(ablation_text(results))
    say(f"Full page: harness study report {folder.folder} --out FILE.md")
