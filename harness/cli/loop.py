"""`harness loop` and `harness sft`: the whole loop, and its first half."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli import options
from harness.cli.running import open_run, show, show_plan, working

if TYPE_CHECKING:
    from harness.config import LoopConfig

Resume = Annotated[
    Path | None, typer.Option(help="Go on with this run folder; its settings are used.")
]


def register(app: typer.Typer) -> None:
    app.command()(loop)
    app.command()(sft)


def loop(
    domain: options.Domain = None,
    policy: options.Policy = None,
    simulator: options.Simulator = None,
    judge: Annotated[str | None, typer.Option(help="Who reads failures.")] = None,
    clusterer: Annotated[str | None, typer.Option(help="What groups them.")] = None,
    injector: Annotated[str | None, typer.Option(help="What makes targeted tasks.")] = None,
    trainer: Annotated[str | None, typer.Option(help="What trains on them.")] = None,
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
    preset: options.Preset = "default",
    config: options.ConfigFile = None,
    reward: options.Reward = None,
    option: options.Option = None,
    out: options.Out = None,
    resume: Resume = None,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Evaluate, explain failures, make targeted tasks, train; repeat. Ends with the report."""
    from harness.loop import run_loop

    settings = None
    if resume is None:
        settings = options.read_config(
            preset=preset,
            file=config,
            rewards=reward,
            options=option,
            domain=domain,
            policy=policy,
            simulator=simulator,
            judge=judge,
            clusterer=clusterer,
            injector=injector,
            trainer=trainer,
            rounds=rounds,
            restart=restart,
            pool=pool,
            control=control,
            seed=seed,
        )
    elif _differs(domain, policy, simulator, judge, trainer, rounds, seed, config, reward, option):
        raise typer.BadParameter("a resumed run keeps its settings; give no others")
    if dry_run:
        show_plan(settings or _saved(resume), as_json=as_json)
        return
    store = open_run(settings, out, resume)
    with working(store) as parts:
        finished = run_loop(parts, store)
    show(finished, as_json=as_json)


def sft(
    domain: options.Domain = None,
    policy: options.Policy = None,
    simulator: options.Simulator = None,
    teacher: Annotated[str | None, typer.Option(help="Who makes demonstrations.")] = None,
    seed: options.Seed = None,
    preset: options.Preset = "default",
    config: options.ConfigFile = None,
    option: options.Option = None,
    out: options.Out = None,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Make the base policy and fine-tune it on demonstrations. `loop --resume` goes on from
    there.
    """
    from harness.loop import bootstrap, imitate, write_report

    settings = options.read_config(
        preset=preset,
        file=config,
        rewards=None,
        options=option,
        domain=domain,
        policy=policy,
        simulator=simulator,
        teacher=teacher,
        seed=seed,
    )
    if dry_run:
        show_plan(settings, as_json=as_json)
        return
    store = open_run(settings, out, None)
    with working(store) as parts:
        bootstrap(parts, store)
        imitate(parts, store)
        finished = write_report(parts, store, complete=False)
    show(finished, as_json=as_json)


def _differs(*flags: object) -> bool:
    return any(flag not in (None, []) for flag in flags)


def _saved(folder: Path | None) -> LoopConfig:
    from harness.config import parse_config
    from harness.store import Store

    assert folder is not None
    return parse_config(Store.open(folder).config)
