"""`harness rewards`, `probe`, `ablate`: the terms of the reward, who tries to cheat it, and what it
would be without each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import typer

from harness.cli import options
from harness.cli.running import emit


def register(app: typer.Typer) -> None:
    app.command()(rewards)
    app.command()(probe)
    app.command()(ablate)


def rewards(
    domain: options.Domain = None,
    preset: options.Preset = None,
    config: options.ConfigFile = None,
    reward: options.Reward = None,
    option: options.Option = None,
    as_json: options.AsJson = False,
) -> None:
    """List the reward terms with weight, range and reason."""
    from harness.inventory import reward_terms
    from harness.report.rewards import terms_table

    settings = options.read_config(
        preset=preset, file=config, rewards=reward, options=option, domain=domain
    )
    found = reward_terms(options.make_parts(settings))
    emit(found, terms_table(found), as_json=as_json)


def probe(
    domain: options.Domain = None,
    tasks: Annotated[int, typer.Option(min=2, help="How many fresh tasks.")] = 500,
    honest: Annotated[
        str | None, typer.Option(help="The weak policy that the others are set beside.")
    ] = None,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Also what is left without each term.")
    ] = False,
    simulator: options.Simulator = None,
    seed: options.Seed = None,
    preset: options.Preset = None,
    config: options.ConfigFile = None,
    reward: options.Reward = None,
    option: options.Option = None,
    as_json: options.AsJson = False,
) -> None:
    """Set policies that cheat against the reward. Status 1 if one earns what an honest one does."""
    from harness.probing import probe_reward
    from harness.report.live import LiveProgress
    from harness.report.rewards import probes_table, probes_values

    settings = options.read_config(
        preset=preset,
        file=config,
        rewards=reward,
        options=option,
        domain=domain,
        simulator=simulator,
        honest=honest,
        seed=seed,
    )
    with LiveProgress() as live:
        found = probe_reward(options.make_parts(settings, (live,)), tasks)
    emit(probes_values(found), probes_table(found, matrix=matrix), as_json=as_json)
    if found.let_through:
        raise typer.Exit(1)


def ablate(
    run: options.Run,
    source: Annotated[
        str, typer.Option("--of", help="An arm or an evaluation; else all RL rollouts.")
    ] = "",
    grid: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=W,W,...", help="Weights to try for a term; repeatable."),
    ] = None,
    reward: options.Reward = None,
    normalise: Annotated[
        Literal["sum", "terms"], typer.Option(help="The sum into advantages, or each term.")
    ] = "sum",
    scale: Annotated[
        Literal["group", "batch", "none"], typer.Option(help="Whose deviation divides.")
    ] = "group",
    offset: Annotated[float, typer.Option(min=0, help="What is added to it.")] = 0.2,
    as_json: options.AsJson = False,
) -> None:
    """What the rollouts of a run would have taught under other rewards, without training.

    Each term left out, each alone, and with --grid other weights, against the run's reward (or that
    of --reward).
    """
    from harness.ablation import Rule, ablate, alone, dropped, stored_groups
    from harness.ablation import grid as combined
    from harness.report.ablation import ablation_table, ablation_values
    from harness.store import Store

    store = Store.open(run)
    groups = stored_groups(store, source)
    weights = _weights(store.config.get("rewards"), reward, groups.names)
    axes = _axes(grid, groups.names)
    variants = [*combined(weights, axes)] if axes else [*dropped(weights), *alone(weights)]
    rule = Rule(normalise=normalise, scale=scale, offset=offset)
    found = ablate(groups, weights, variants, rule)
    emit(ablation_values(found), ablation_table(found), as_json=as_json)


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
    from harness.config import nearest
    from harness.errors import ConfigError

    for name in given:
        if name not in names:
            raise ConfigError(
                f"the rollouts have no values of the term {name!r}",
                hint=nearest(name, names) or f"They have those of: {', '.join(names)}.",
            )
