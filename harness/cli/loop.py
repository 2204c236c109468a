"""`harness loop` and `harness sft`: the whole loop, and its first half."""

from __future__ import annotations

import typer

from harness.cli import options
from harness.cli.running import at_work, say, show, show_plan


def register(app: typer.Typer) -> None:
    app.command()(loop)
    app.command()(sft)


@options.takes(
    *options.ROLLOUTS, "teacher", "demonstrations", "judge", "clusterer", "namer", "injector",
    "sft_trainer", "trainer", "rounds", "restart", "pool", "control", "warm_start",
    *options.START, "reward",
    "option", *options.SPENDING,
)  # fmt: skip
def loop(
    context: typer.Context,
    out: options.Out = None,
    resume: options.Resume = None,
    trust: options.Trust = False,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Run the whole loop: evaluate, diagnose failures, inject targeted tasks, train, repeat."""
    from harness.assembly.opening import Needs
    from harness.loop import run_loop, stations
    from harness.report.map_files import draw_rounds

    config = options.asked(context, resume=resume)
    if dry_run:
        show_plan(config, stations, Needs(), resume, trust=trust, as_json=as_json)
        return
    with at_work(context, config, Needs(), out, resume, trust=trust) as (parts, store):
        finished = run_loop(parts, store)
        maps = draw_rounds(store)
    show(finished, as_json=as_json)
    for path in maps:
        say(f"Map: {path}")


@options.takes(
    *options.ROLLOUTS, "teacher", "demonstrations", "sft_trainer", *options.START, "option",
    *options.SPENDING,
)  # fmt: skip
def sft(
    context: typer.Context,
    out: options.Out = None,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Fine-tune the base policy on demonstrations.

    Continue with `harness loop --resume`.
    """
    from harness.assembly.opening import Needs
    from harness.loop import SFT_STATIONS, run_sft

    config = options.asked(context)
    if dry_run:
        show_plan(config, lambda parts: SFT_STATIONS, Needs(), as_json=as_json)
        return
    with at_work(context, config, Needs(), out) as (parts, store):
        finished = run_sft(parts, store)
    show(finished, as_json=as_json)
