"""`harness eval`: any policy, any split, without training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from harness.cli import options
from harness.cli.running import at_work, say, show, show_plan
from harness.runtime.counting import counted

if TYPE_CHECKING:
    from harness.assembly.config import LoopConfig
    from harness.types import Split


def register(app: typer.Typer) -> None:
    app.command(name="eval")(evaluate)


@options.takes(
    *options.ROLLOUTS, "judge", "temperature", *options.START, "option", *options.SPENDING
)  # fmt: skip
def evaluate(
    context: typer.Context,
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(help="Task split; default: test."),
    ] = None,
    tasks: Annotated[int | None, typer.Option(min=1, metavar="N", help="Number of tasks.")] = None,
    trials: Annotated[int | None, typer.Option(min=1, metavar="N", help="Trials per task.")] = None,
    out: options.Out = None,
    resume: options.Resume = None,
    trust: options.Trust = False,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Evaluate a policy on held-out tasks and report Pass^k with confidence intervals.

    Without any flag it says what it would do, and asks for a domain. The policy may be a model
    folder of a run, such as RUN/checkpoints/rl-1/model.
    """
    from harness.assembly.opening import Needs, split_of
    from harness.loop import run_evaluation
    from harness.types.names import ArmName, StationName

    if not any(context.params.values()):
        _ask_for_a_domain(options.asked(context))
    split = split or ("test" if resume is None else split_of(resume))
    config = options.asked(context, resume=resume, **_sizes(split, tasks, trials))
    needs = Needs(splits=[split], training=False)
    if dry_run:
        station = StationName.evaluate(ArmName.POLICY, split)
        show_plan(config, lambda parts: [station], needs, resume, trust=trust, as_json=as_json)
        return
    with at_work(context, config, needs, out, resume, trust=trust) as (parts, store):
        finished = run_evaluation(parts, store, split)
    show(finished, as_json=as_json)


def _ask_for_a_domain(config: LoopConfig) -> NoReturn:
    from harness.assembly.registry import Registry

    say(
        f"This would evaluate the policy {config.policy!r} with the user simulator "
        f"{config.simulator!r} on {counted(config.test_tasks, 'test task')}, "
        f"each {counted(config.test_trials, 'time')}."
    )
    known = ", ".join(Registry().names("domain"))
    raise typer.BadParameter(f"name a domain (installed: {known})", param_hint="--domain")


def _sizes(split: Split, tasks: int | None, trials: int | None) -> dict[str, int | None]:
    kind = "test" if split == "test" else "validation"
    return {f"{kind}_tasks": tasks, f"{kind}_trials": trials}
