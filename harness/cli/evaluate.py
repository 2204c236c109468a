"""`harness eval`: any policy, any split, without training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli import options
from harness.cli.running import at_work, show, show_plan

if TYPE_CHECKING:
    from harness.types import Split


def register(app: typer.Typer) -> None:
    app.command(name="eval")(evaluate)


@options.takes(
    *options.ROLLOUTS, "temperature", *options.START, "option", *options.SPENDING
)  # fmt: skip
def evaluate(
    context: typer.Context,
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(help="Task split; default: test."),
    ] = None,
    tasks: Annotated[int | None, typer.Option(min=1, help="Number of tasks.")] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials per task.")] = None,
    out: options.Out = None,
    resume: options.Resume = None,
    trust: options.Trust = False,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Evaluate a policy on held-out tasks and report Pass^k with confidence intervals.

    The policy may be a model folder of a run, such as RUN/checkpoints/rl-1/model.
    """
    from harness.assembly.opening import Needs, split_of
    from harness.loop import evaluate_once, write_report
    from harness.types.names import ArmName, StationName

    split = split or ("test" if resume is None else split_of(resume))
    config = options.asked(context, resume=resume, **_sizes(split, tasks, trials))
    needs = Needs(splits=[split], training=False)
    if dry_run:
        station = StationName.evaluate(ArmName.POLICY, split)
        show_plan(config, lambda parts: [station], needs, resume, trust=trust, as_json=as_json)
        return
    with at_work(context, config, needs, out, resume, trust=trust) as (parts, store):
        evaluate_once(parts, store, split)
        finished = write_report(parts, store, complete=True)
    show(finished, as_json=as_json)


def _sizes(split: Split, tasks: int | None, trials: int | None) -> dict[str, int | None]:
    kind = "test" if split == "test" else "validation"
    return {f"{kind}_tasks": tasks, f"{kind}_trials": trials}
