"""Turn a trainer into a verdict: does it keep its protocol?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

from harness.errors import NothingToLearn
from harness.evaluation.rollout import rollout
from harness.protocols import (
    Domain,
    InProcessPolicy,
    Policy,
    RolloutJob,
    RolloutLimits,
    RolloutSetup,
    Trainer,
    TrainingJob,
)
from harness.testing.fakes import AgreeableUser, play
from harness.testing.findings import Check, demand
from harness.types import Episode, Json, Score, Task, TermScore

NEEDS = ("demonstrations", "tasks")
RECORD = ("steps", "tokens", "seconds", "stopped_because", "curve")
"""What the report reads of every training."""


def check_trainer(
    trainer: Trainer,
    open_policy: Callable[[], InProcessPolicy],
    domain: Domain,
    folder: Path,
    *,
    tasks: int = 3,
) -> None:
    """Check that a trainer changes the policy's weights in place and nothing else of it.

    It trains a new policy twice: on nothing, which it has to refuse as ``NothingToLearn``, and on
    what it ``needs``, from the first ``tasks`` train tasks of the domain. The rewards of rollouts
    alternate, so that there is something to learn from a policy that can do nothing. ``folder``
    must be empty or not exist; give the trainer few steps.
    """
    with (
        Check(trainer) as check,
        check.rule(
            "The caller saves the policy as it is left, and the report shows the record.",
            "Change the weights of job.in_process.model and nothing else of it; report each step "
            "and return the record that the protocol lists.",
        ),
    ):
        _check_trainer(trainer, open_policy, domain, folder, tasks)


def _check_trainer(
    trainer: Trainer,
    open_policy: Callable[[], InProcessPolicy],
    domain: Domain,
    folder: Path,
    tasks: int,
) -> None:
    demand(trainer.needs in NEEDS, f"a trainer needs one of {NEEDS}, found {trainer.needs!r}")
    _check_refusal(trainer, open_policy(), domain, folder / "nothing")
    chosen = list(domain.tasks("train"))[:tasks]
    demand(bool(chosen), f"the domain {domain.name!r} has train tasks")
    policy = open_policy()
    model, before, state = policy.model, _weights(policy), _state(policy)
    seen: list[tuple[int, int]] = []

    def progress(step: int, steps: int, metrics: Mapping[str, float]) -> None:
        seen.append((step, steps))

    wants_tasks = trainer.needs == "tasks"
    job = replace(
        _empty_job(policy, domain, folder / "something"),
        progress=progress,
        tasks=chosen if wants_tasks else (),
        demonstrations=None if wants_tasks else _endless(domain, chosen),
    )
    record = trainer.train(job)
    demand(policy.model is model, "a trainer changes the weights in place: the model is the same")
    demand(_differ(before, _weights(policy)), "training changes the weights")
    _check_state(state, _state(policy))
    _check_record(record, wants_tasks=wants_tasks)
    steps = [step for step, _ in seen]
    demand(bool(steps), "a trainer reports its progress after each step")
    demand(steps == sorted(set(steps)), f"progress is reported once a step, in order: {steps}")


def _check_refusal(trainer: Trainer, policy: InProcessPolicy, domain: Domain, folder: Path) -> None:
    before = _weights(policy)
    try:
        trainer.train(_empty_job(policy, domain, folder))
    except NothingToLearn:
        demand(not _differ(before, _weights(policy)), "nothing to learn leaves the weights alone")
        return
    raise AssertionError(f"a trainer without {trainer.needs} raises NothingToLearn")


def _empty_job(policy: InProcessPolicy, domain: Domain, folder: Path) -> TrainingJob:
    folder.mkdir(parents=True, exist_ok=True)
    setup = RolloutSetup(
        domain=domain, user=AgreeableUser(patience=1), limits=RolloutLimits(message_limit=6)
    )

    def rollouts(
        policy: Policy, jobs: Sequence[tuple[Task, int, int]], *, guided: int = 0, step: int = 0
    ) -> list[Episode]:
        return asyncio.run(_played(policy, setup, jobs))

    return TrainingJob(
        policy=policy,
        domain=domain,
        rollouts=rollouts,
        seed=0,
        folder=folder,
        progress=lambda step, steps, metrics: None,
        demonstrations=iter(()),
        weights=(1.0,),
    )


async def _played(
    policy: Policy, setup: RolloutSetup, jobs: Sequence[tuple[Task, int, int]]
) -> list[Episode]:
    """The episodes, with a reward of 1 for every other trial and 0 for the rest."""
    episodes = []
    for task, trial, seed in jobs:
        job = RolloutJob(task=task, trial=trial, seed=seed)
        episode = await rollout(job, policy, setup, keep_tokens=True)
        value = float(trial % 2)
        score = Score(
            success=bool(value), terms=(TermScore(name="parity", value=value),), total=value
        )
        episodes.append(replace(episode, score=score))
    return episodes


def _endless(domain: Domain, tasks: Sequence[Task]) -> Iterator[Episode]:
    """Conversations in which the gold calls are made."""
    return cycle([play(domain, task, task.gold) for task in tasks])


def _weights(policy: InProcessPolicy) -> dict[str, Any]:
    return {name: tensor.clone() for name, tensor in policy.model.state_dict().items()}


def _differ(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() != other.keys() or any(bool((one[n] != other[n]).any()) for n in one)


def _state(policy: InProcessPolicy) -> dict[str, object]:
    """What of the model is to be after the training as it was before."""
    model = policy.model
    parameters = list(model.named_parameters())
    return {
        "whether the model is in training mode": model.training,
        "which parameters need a gradient": [n for n, p in parameters if p.requires_grad],
        "which parameters have a gradient": [n for n, p in parameters if p.grad is not None],
        "the types of the parameters": [(n, str(p.dtype), str(p.device)) for n, p in parameters],
        "the attributes of the model": sorted(vars(model)),
        "the model's configuration": dict(vars(model.config)),
    }


def _check_state(before: Mapping[str, object], after: Mapping[str, object]) -> None:
    for what, was in before.items():
        demand(after[what] == was, f"training leaves {what} as it was")


def _check_record(record: Mapping[str, Json], *, wants_tasks: bool) -> None:
    missing = [key for key in RECORD if key not in record]
    demand(not missing, f"the record has {', '.join(RECORD)}, it lacks {', '.join(missing)}")
    try:
        json.dumps(dict(record))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"the record is of plain JSON values: {error}") from error
    demand(bool(record["stopped_because"]), "the record says why the training stopped")
    points: Any = record["curve"]
    demand(isinstance(points, list) and bool(points), "the curve is a list of points")
    metric = "reward" if wants_tasks else "loss"
    demand(all("step" in point for point in points), "each point of the curve has its step")
    demand(any(metric in point for point in points), f"the curve has the {metric}")
    steps = [point["step"] for point in points]
    demand(steps == sorted(steps), f"the points of the curve come in order: {steps}")
