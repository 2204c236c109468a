"""`harness eval`: any policy, any split, without training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli import options
from harness.cli.running import open_run, show, show_plan, working

if TYPE_CHECKING:
    from harness.types import Split


def register(app: typer.Typer) -> None:
    app.command(name="eval")(evaluate)


def evaluate(
    context: typer.Context,
    domain: options.Domain = None,
    policy: options.Policy = None,
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(help="Which tasks; test if not said."),
    ] = None,
    tasks: Annotated[int | None, typer.Option(min=1, help="How many tasks.")] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Conversations per task.")] = None,
    simulator: options.Simulator = None,
    executor: options.Executor = None,
    observer: options.Listener = None,
    temperature: Annotated[float | None, typer.Option(min=0, help="Sampling temperature.")] = None,
    seed: options.Seed = None,
    preset: options.Preset = None,
    config: options.ConfigFile = None,
    option: options.Option = None,
    cache: options.Cache = None,
    budget_usd: options.BudgetUsd = None,
    budget_tokens: options.BudgetTokens = None,
    out: options.Out = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with this evaluation.")] = None,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Have conversations on held-out tasks and report Pass^k with intervals.

    The policy may be the model folder of a run, such as RUN/checkpoints/rl-1/model.
    """
    from harness.loop import evaluate_once, write_report

    split = split or ("test" if resume is None else _begun(resume))
    settings = options.asked(context, resume=resume, **_sizes(split, tasks, trials))
    if dry_run:
        names = [f"evaluate policy on {split}"]
        show_plan(
            settings,
            lambda parts: names,
            splits=[split],
            training=False,
            as_json=as_json,
        )
        return
    store = open_run(settings, out, resume, splits=[split], training=False)
    with working(store, options.spending(context)) as parts:
        evaluate_once(parts, store, split)
        finished = write_report(parts, store, complete=True)
    show(finished, as_json=as_json)


def _sizes(split: Split, tasks: int | None, trials: int | None) -> dict[str, int | None]:
    kind = "test" if split == "test" else "validation"
    return {f"{kind}_tasks": tasks, f"{kind}_trials": trials}


def _begun(folder: Path) -> Split:
    """The split a folder's evaluation is on, as far as it got."""
    from harness.run_folder import RunFolder

    store = RunFolder.open(folder)
    splits: tuple[Split, ...] = ("train", "validation", "test")
    return next((split for split in splits if store.has(f"tasks/{split}.jsonl")), "test")
