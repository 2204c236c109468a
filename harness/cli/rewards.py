"""`harness rewards` and `probe`: the terms of the reward, and policies that try to cheat it."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options
from harness.cli.running import emit


def register(app: typer.Typer) -> None:
    app.command()(rewards)
    app.command()(probe)


def rewards(
    context: typer.Context,
    domain: options.Domain = None,
    preset: options.Preset = None,
    config: options.ConfigFile = None,
    reward: options.Reward = None,
    option: options.Option = None,
    as_json: options.AsJson = False,
) -> None:
    """List the reward terms with weight, range and reason."""
    from harness.assembly.doctor import reward_terms
    from harness.report.rewards import terms_table

    settings = options.asked(context)
    found = reward_terms(options.make_parts(settings))
    emit(found, terms_table(found), as_json=as_json)


def probe(
    context: typer.Context,
    domain: options.Domain = None,
    tasks: Annotated[int, typer.Option(min=2, help="How many fresh tasks.")] = 500,
    baseline: Annotated[
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
    """Test the reward with reward-hacking policies.

    Status 1 if one earns as much as the baseline policy.
    """
    from harness.report.live import LiveProgress
    from harness.report.rewards import probes_table, probes_values
    from harness.training.reward_probing import probe_reward

    settings = options.asked(context)
    with LiveProgress() as live:
        found = probe_reward(options.make_parts(settings, (live,)), tasks)
    emit(probes_values(found), probes_table(found, matrix=matrix), as_json=as_json)
    if found.let_through:
        raise typer.Exit(1)
