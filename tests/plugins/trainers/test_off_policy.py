"""What becomes of rollouts whose tokens the trainer would draw otherwise: by another engine, or by
older weights.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import exp, log
from typing import Any

import pytest
import torch

from harness.errors import ConfigError
from harness.protocols import Settings, TrainingJob
from harness.types import Episode, VersionSpan
from harness_grpo.off_policy import token_weights, were_cut
from harness_grpo.options import OffPolicy, Options
from harness_grpo.trainer import GrpoTrainer, grpo

Jobs = Callable[..., TrainingJob]

PATIENCE = 60.0
"""Seconds after which a test that waits for another thread gives up."""


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()]).clone()


def train(job: TrainingJob, **options: Any) -> dict[str, Any]:
    few = {"max_steps": 2, "tasks_per_step": 2, "num_generations": 4, "learning_rate": 1e-2}
    return dict(GrpoTrainer(Options(**{**few, "guard": False, **options})).train(job))


def shifted(job: TrainingJob, nats: float) -> Any:
    """The job's rollouts, by a sampler whose log-probabilities are lower by so much."""

    def rollouts(policy: Any, jobs: Sequence[Any], **_: Any) -> list[Episode]:
        return [
            replace(one, tokens=replace(one.tokens, logprobs=one.tokens.logprobs - nats))
            for one in job.rollouts(policy, jobs)
            if one.tokens is not None
        ]

    return replace(job, rollouts=rollouts)


def versioned(job: TrainingJob, name: Callable[[int], str]) -> Any:
    """The job's rollouts, of which the first of each group names the weights of that call."""
    calls = iter(range(100))

    def rollouts(policy: Any, jobs: Sequence[Any], **_: Any) -> list[Episode]:
        version = name(next(calls))
        made = []
        for place, one in enumerate(job.rollouts(policy, jobs)):
            assert one.tokens is not None
            span = VersionSpan(start=0, stop=len(one.tokens.ids), version=version)
            tokens = replace(one.tokens, versions=(span,) if place % 4 == 0 else ())
            made.append(replace(one, tokens=tokens))
        return made

    return replace(job, rollouts=rollouts)


def test_weights_of_tokens_are_truncated_or_masked() -> None:
    gaps = torch.tensor([log(0.25), log(0.8), 0.0, log(1.5), log(3.0)])
    wanted: dict[OffPolicy, list[float]] = {
        "truncate": [0.25, 0.8, 1.0, 1.5, 2.0],
        "mask": [0.0, 0.8, 1.0, 1.5, 0.0],
        "clip": [1.0] * 5,
    }
    for kind, expected in wanted.items():
        torch.testing.assert_close(token_weights(gaps, kind, 2.0), torch.tensor(expected))
    assert were_cut(gaps, "truncate", 2.0).tolist() == [False] * 4 + [True]
    assert were_cut(gaps, "mask", 2.0).tolist() == [True] + [False] * 3 + [True]


@pytest.mark.parametrize("loss", ["dapo", "grpo", "dr_grpo", "gspo", "cispo"])
@pytest.mark.parametrize(
    ("kind", "cap", "factor"),
    [
        ("truncate", 2.0, exp(0.5)),
        ("truncate", 1.2, 1.2),
        ("mask", 2.0, exp(0.5)),
        ("mask", 1.2, 0),
    ],
)
def test_the_gradient_is_weighed_by_how_much_rarer_the_sampler_draws(
    job: Jobs, world: Any, loss: str, kind: str, cap: float, factor: float
) -> None:
    """All tokens are drawn exp(0.5) times too rarely: the gradient grows by that, up to the cap."""
    one = {"max_steps": 1, "loss_type": loss, "max_grad_norm": 1e9, "learning_rate": 1e-6}
    known = {"off_policy": kind, "off_policy_cap": cap}
    plain = train(job(policy=world.policy()), **one)["final"]
    weighed = train(shifted(job(policy=world.policy()), 0.5), **one, **known)["final"]
    assert weighed["grad_norm"] == pytest.approx(factor * plain["grad_norm"], rel=1e-3, abs=1e-9)
    assert weighed["off_policy_ratio"] == pytest.approx(exp(0.5), rel=1e-4)
    assert weighed["off_policy_cut"] == (1.0 if cap == 1.2 else 0.0)
    assert weighed["clipped"] == 0.0


@pytest.mark.parametrize("kind", ["truncate", "mask"])
def test_where_sampler_and_trainer_agree_nothing_changes(job: Jobs, world: Any, kind: str) -> None:
    ends = []
    for chosen in ("clip", kind):
        policy = world.policy()
        train(job(policy=policy), off_policy=chosen, num_iterations=2, learning_rate=1e-4)
        ends.append(weights(policy.model))
    torch.testing.assert_close(*ends, atol=2e-6, rtol=0)


def test_packed_and_padded_rows_are_corrected_alike(
    job: Jobs, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = []
    for packs in (True, False):
        if not packs:
            monkeypatch.setattr("harness_grpo.training.can_pack", lambda model, ids: False)
        policy = world.policy()
        known = {"off_policy": "truncate", "num_iterations": 2, "learning_rate": 1e-4}
        train(shifted(job(policy=policy), 0.3), **known, threads=2, part_tokens=40)
        ends.append(weights(policy.model))
    torch.testing.assert_close(*ends, atol=2e-6, rtol=0)


def test_rollouts_ahead_come_from_the_weights_before_the_update(job: Jobs, policy: Any) -> None:
    honest, sampled_with = job(), []

    def rollouts(policy: Any, jobs: Sequence[Any], **_: Any) -> Sequence[Episode]:
        sampled_with.append(weights(policy.model))
        return honest.rollouts(policy, jobs)

    before: list[torch.Tensor] = [weights(policy.model)]
    record = train(
        replace(
            honest,
            rollouts=rollouts,
            progress=lambda step, steps, metrics: before.append(weights(policy.model)),
        ),
        max_steps=4,
        ahead=1,
    )
    assert [point["staleness"] for point in record["curve"]] == [0, 1, 1, 1]
    wanted = [before[0], before[0], before[1], before[2]]
    assert all(torch.equal(*pair) for pair in zip(sampled_with, wanted, strict=True))
    assert record["rollouts"] == 4 * 8


def test_a_policy_sampled_elsewhere_is_sampled_while_it_is_trained(
    job: Jobs, world: Any, policy: Any
) -> None:
    policy.samples_elsewhere, server = True, world.policy()
    honest, updated, wanted_for = job(), threading.Event(), []

    def rollouts(
        policy: Any, jobs: Sequence[Any], *, guided: int = 0, step: int = 0
    ) -> Sequence[Episode]:
        wanted_for.append(step)
        if step == 2:
            assert updated.wait(PATIENCE), "the update waits for the rollouts of the next step"
        return honest.rollouts(server, jobs)

    def progress(step: int, steps: int, metrics: object) -> None:
        updated.set()

    record = train(replace(honest, rollouts=rollouts, progress=progress), max_steps=3, ahead=1)
    assert wanted_for == [0, 2, 3]
    assert record["steps"] == 3


def test_an_error_of_rollouts_ahead_ends_the_training(job: Jobs, policy: Any) -> None:
    policy.samples_elsewhere = True
    honest = job()

    def rollouts(policy: Any, jobs: Sequence[Any], *, step: int = 0, **_: Any) -> Any:
        if step == 2:
            raise ConnectionError("no server")
        return honest.rollouts(policy, jobs)

    with pytest.raises(ConnectionError, match="no server"):
        train(replace(honest, rollouts=rollouts), max_steps=3, ahead=1)


@pytest.mark.parametrize(("ahead", "stale"), [(0, [0, 2, 2]), (1, [0, 0, 2])])
def test_rollouts_of_weights_that_are_too_old_are_not_trained_on(
    job: Jobs, ahead: int, stale: list[int]
) -> None:
    """A replica keeps its first weights: one rollout in each group is as old as the run."""
    record = train(
        versioned(job(), lambda call: "first"), max_steps=3, ahead=ahead, scale_rewards="none"
    )
    assert [point.get("stale", 0) for point in record["curve"]] == stale
    assert record["final"]["faults"] == 0
    assert record["final"]["rollouts"] == 8
    assert record["final"]["rollouts_trained_on"] <= 6


def test_weights_that_follow_the_training_are_never_too_old(job: Jobs) -> None:
    record = train(versioned(job(), str), max_steps=3)
    assert not [point for point in record["curve"] if "stale" in point]


def test_prefixes_cannot_be_drawn_ahead() -> None:
    settings = Settings(options={"unsolved": "prefix", "ahead": 1, "tasks_per_step": 4})
    with pytest.raises(ConfigError, match="ahead must be 0"):
        grpo(settings)
