"""`harness loop` and `harness sft`: the whole loop, and its first half."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from harness.cli import options
from harness.cli.running import open_run, show, show_plan, working

Resume = Annotated[
    Path | None, typer.Option(help="Go on with this run folder; its settings are used.")
]


def register(app: typer.Typer) -> None:
    app.command()(loop)
    app.command()(sft)


def loop(
    context: typer.Context,
    domain: options.Domain = None,
    policy: options.Policy = None,
    simulator: options.Simulator = None,
    teacher: options.Teacher = None,
    demonstrations: options.Demonstrations = None,
    judge: Annotated[str | None, typer.Option(help="Who reads failures.")] = None,
    clusterer: Annotated[str | None, typer.Option(help="What groups them.")] = None,
    namer: options.Namer = None,
    injector: Annotated[str | None, typer.Option(help="What makes targeted tasks.")] = None,
    sft_trainer: options.SftTrainer = None,
    trainer: Annotated[str | None, typer.Option(help="What trains on targeted tasks.")] = None,
    executor: options.Executor = None,
    observer: options.Listener = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="How many rounds.")] = None,
    restart: Annotated[
        Literal["sft", "previous"] | None,
        typer.Option(help="Train each round from the SFT checkpoint or the previous round's."),
    ] = None,
    pool: Annotated[
        Literal["union", "recent"] | None,
        typer.Option(help="Train on the tasks of all rounds or of the last."),
    ] = None,
    control: Annotated[
        bool | None,
        typer.Option(help="Also train an arm on untargeted tasks, with the same budget."),
    ] = None,
    seed: options.Seed = None,
    preset: options.Preset = None,
    config: options.ConfigFile = None,
    reward: options.Reward = None,
    option: options.Option = None,
    cache: options.Cache = None,
    budget_usd: options.BudgetUsd = None,
    budget_tokens: options.BudgetTokens = None,
    out: options.Out = None,
    resume: Resume = None,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Evaluate, explain failures, make targeted tasks, train; repeat. Ends with the report."""
    from harness.cli.discovery import draw_rounds
    from harness.loop import run_loop, stations

    settings = options.asked(context, resume=resume)
    if dry_run:
        show_plan(settings, stations, as_json=as_json)
        return
    store = open_run(settings, out, resume)
    with working(store, options.spending(context)) as parts:
        finished = run_loop(parts, store)
        maps = draw_rounds(store)
    show(finished, as_json=as_json)
    for path in maps:
        typer.echo(f"Map: {path}", err=True)


def sft(
    context: typer.Context,
    domain: options.Domain = None,
    policy: options.Policy = None,
    simulator: options.Simulator = None,
    teacher: options.Teacher = None,
    demonstrations: options.Demonstrations = None,
    sft_trainer: options.SftTrainer = None,
    executor: options.Executor = None,
    observer: options.Listener = None,
    seed: options.Seed = None,
    preset: options.Preset = None,
    config: options.ConfigFile = None,
    option: options.Option = None,
    cache: options.Cache = None,
    budget_usd: options.BudgetUsd = None,
    budget_tokens: options.BudgetTokens = None,
    out: options.Out = None,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Make the base policy and fine-tune it on demonstrations.

    `loop --resume` goes on from there.
    """
    from harness.loop import bootstrap, imitate, write_report

    settings = options.asked(context)
    if dry_run:
        show_plan(settings, lambda parts: ("base", "sft"), as_json=as_json)
        return
    store = open_run(settings, out, None)
    with working(store) as parts:
        bootstrap(parts, store)
        imitate(parts, store)
        finished = write_report(parts, store, complete=False)
    show(finished, as_json=as_json)
