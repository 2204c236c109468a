"""`harness ablate`: what a run would have learned under other rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli import options
from harness.cli.running import emit

if TYPE_CHECKING:
    from harness.run_folder import RunFolder
    from harness.study.spec import Study


def register(app: typer.Typer) -> None:
    app.command()(ablate)


def ablate(
    run: options.Run,
    source: Annotated[
        str, typer.Option("--of", help="An arm or an evaluation; else all RL rollouts.")
    ] = "",
    without: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Leave this term out; repeatable.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Leave all others out; repeatable.")
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=W,W,...", help="Weights to try for a term; repeatable."),
    ] = None,
    reward: options.Reward = None,
    aggregation: Annotated[
        Literal["sum_then_normalize", "normalize_then_sum"],
        typer.Option(help="The sum into advantages, or each term."),
    ] = "sum_then_normalize",
    scale: Annotated[
        Literal["group", "batch", "none"], typer.Option(help="Whose deviation divides.")
    ] = "group",
    offset: Annotated[float, typer.Option(min=0, help="What is added to it.")] = 0.2,
    train: Annotated[
        bool, typer.Option("--train", help="Train an arm for each, from the run's SFT checkpoint.")
    ] = False,
    seeds: Annotated[int, typer.Option(min=1, help="With --train: how many.")] = 3,
    out: Annotated[
        Path | None, typer.Option(help="With --train: the folder, else RUN/ablation.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="With --train: begin nothing that ends later.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="With --train: arms side by side.")] = 1,
    as_json: options.AsJson = False,
) -> None:
    """What a run would have learned under other rewards: from its rollouts, or by training.

    Each term left out and each alone (or those named), or weights on a grid, against the run's
    reward. With --train the arms have the same tasks and budget; stopped anywhere, the same command
    goes on.
    """
    from harness.run_folder import RunFolder

    store = RunFolder.open(run)
    if train:
        weights = _configured(store.config.get("rewards"))
        study = _study(store, weights, without, only, seeds)
        _train(store, study, out or run / "ablation", minutes, jobs, as_json)
        return
    from harness.report.ablation import ablation_table, ablation_values
    from harness.training.reward_ablation import (
        Rule,
        Variant,
        ablate,
        alone,
        dropped,
        stored_groups,
    )
    from harness.training.reward_ablation import grid as combined

    groups = stored_groups(store, source)
    weights = _weights(store.config.get("rewards"), reward, groups.names)
    axes = _axes(grid, groups.names)
    variants: list[Variant] = []
    if axes:
        variants += combined(weights, axes)
    if without or not (only or axes):
        variants += dropped(weights, _named(without, weights))
    if only or not (without or axes):
        variants += alone(weights, _named(only, weights))
    rule = Rule(aggregation=aggregation, scale=scale, offset=offset)
    found = ablate(groups, weights, variants, rule)
    emit(ablation_values(found), ablation_table(found), as_json=as_json)


def _study(
    store: RunFolder,
    weights: Mapping[str, float],
    without: Sequence[str] | None,
    only: Sequence[str] | None,
    seeds: int,
) -> Study:
    """The arms that were named; if none was, each term left out and success alone."""
    from harness.study.ablation import reward_study

    all_of_them = not without and not only
    return reward_study(
        store,
        weights,
        seeds=seeds,
        without=_named(without, weights) if without or all_of_them else [],
        only=_named(only or ["task_success"], weights) if only or all_of_them else [],
    )


def _train(
    store: RunFolder, study: Study, out: Path, minutes: float | None, jobs: int, as_json: bool
) -> None:
    from harness.cli.study import carry_on
    from harness.report.study.summary import summary_values
    from harness.report.study.tables import behaviour_table, difference_table, main_table
    from harness.study.ablation import hand_on
    from harness.study.folder import StudyFolder
    from harness.study.results_file import read_results

    folder = StudyFolder.begin(out, study)
    for seed in study.seeds:
        hand_on(store, folder, seed)
    carry_on(folder, study.turns(), minutes, jobs)
    results = read_results(folder.results())
    if as_json:
        emit(summary_values(results), "", as_json=True)
        return
    tables = [main_table(results), difference_table(results), behaviour_table(results)]
    typer.echo("\n\n".join(table for table in tables if table))
    typer.echo(f"The whole page: harness study report {out} --out FILE.md", err=True)


def _named(given: Sequence[str] | None, weights: Mapping[str, float]) -> list[str]:
    """The terms that were named, all of them if none was."""
    _refuse_unknown(dict.fromkeys(given or ()), list(weights))
    return list(given or weights)


def _configured(rewards: object) -> dict[str, float]:
    """The terms of a run's reward that count."""
    known = rewards if isinstance(rewards, Mapping) else {}
    return {str(name): float(weight) for name, weight in known.items() if weight}


def _weights(
    configured: object, given: Sequence[str] | None, names: Sequence[str]
) -> dict[str, float]:
    """Of each term that the rollouts have values of, those of the run unless others are given."""
    known = configured if isinstance(configured, Mapping) else {}
    changed = options.weights(given)
    _refuse_unknown(changed, names)
    found = {name: float(known.get(name, 0.0)) for name in names}
    return {name: weight for name, weight in {**found, **changed}.items() if weight}


def _axes(given: Sequence[str] | None, names: Sequence[str]) -> dict[str, list[float]]:
    axes: dict[str, list[float]] = {}
    for item in given or ():
        name, equals, values = item.partition("=")
        try:
            axes[name] = [float(value) for value in values.split(",")]
        except ValueError:
            equals = ""
        if not equals:
            raise typer.BadParameter(f"{item!r} is not NAME=W,W,...", param_hint="--grid")
    _refuse_unknown(axes, names)
    return axes


def _refuse_unknown(given: Mapping[str, object], names: Sequence[str]) -> None:
    from harness.assembly.config import nearest
    from harness.errors import ConfigError

    for name in given:
        if name not in names:
            raise ConfigError(
                f"the reward has no term {name!r} here",
                hint=nearest(name, names) or f"It has: {', '.join(names)}.",
            )
