"""`harness rewards` and `probe`: the reward terms, and policies that try to exploit them."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options
from harness.cli.running import emit, watching

REWARD = ("domain", *options.START, "reward", "option")


def register(app: typer.Typer) -> None:
    app.command()(rewards)
    app.command()(probe)


@options.takes(*REWARD)
def rewards(context: typer.Context, as_json: options.AsJson = False) -> None:
    """List the reward terms with weight, range and purpose."""
    from harness.assembly.components import Components
    from harness.assembly.doctor import reward_terms
    from harness.llm.roles import open_registry
    from harness.report.rewards import terms_table

    found = reward_terms(Components(options.asked(context), open_registry()))
    emit(found, terms_table(found), as_json=as_json)


@options.takes("simulator", "baseline_policy", *REWARD)
def probe(
    context: typer.Context,
    tasks: Annotated[int, typer.Option(min=2, help="Number of fresh tasks.")] = 500,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Also show the reward without each term.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Test the reward with reward-hacking policies.

    Status 1 if one of them earns as much as the baseline policy.
    """
    from harness.assembly.components import Components
    from harness.llm.roles import open_registry
    from harness.report.rewards import probes_table, probes_values
    from harness.training.reward_probing import probe_reward

    config = options.asked(context)
    with watching() as observers:
        found = probe_reward(Components(config, open_registry(), observers), tasks)
    emit(probes_values(found), probes_table(found, matrix=matrix), as_json=as_json)
    if found.let_through:
        raise typer.Exit(1)
