"""Signs that a reward is gamed: seen where there are any, and hardly ever elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from harness.llm.roles import open_registry
from harness.protocols import Settings, TrainingJob
from harness.training.signs import Step, gaming, read_step
from harness.types import Episode

STEPS = 24
RATES = {"repeats": 0.04, "refusals": 0.2, "transfers": 0.05}


def played(
    rng: Random, rates: dict[str, float], *, tokens: float = 300, reward: float = 0.4,
    success: float = 0.3, entropy: float = 0.1, groups: int = 12, size: int = 8,
) -> Step:  # fmt: skip
    """A step of groups, whose tasks differ in how hard they are."""
    rows = []
    for _ in range(groups):
        hard = rng.uniform(0.2, 1.8)
        row = {
            name: sum(rng.random() < rate * hard for _ in range(size)) / size
            for name, rate in rates.items()
        }
        rows.append(
            {
                **row,
                "tokens": tokens * hard**0.3 * rng.gauss(1, 0.1),
                "success": sum(rng.random() < success * hard for _ in range(size)) / size,
                "reward": reward * hard + rng.gauss(0, 0.15),
            }
        )
    step = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        mean = sum(values) / groups
        spread = (sum((v - mean) ** 2 for v in values) / (groups - 1)) ** 0.5
        step[name] = (mean, spread / groups**0.5)
    return {**step, "entropy": (entropy * rng.gauss(1, 0.1), 0.0)}


def ever(steps: list[Step]) -> set[str]:
    """All signs that a run shows at any step."""
    return {sign.name for end in range(1, len(steps) + 1) for sign in gaming(steps[:end])}


def test_a_run_that_does_not_change_hardly_ever_warns() -> None:
    rng = Random(0)
    runs = [[played(rng, RATES) for _ in range(STEPS)] for _ in range(200)]
    assert sum(bool(ever(steps)) for steps in runs) <= 0.1 * len(runs)


def test_a_run_that_gets_better_hardly_ever_warns() -> None:
    rng = Random(1)
    runs = [
        [played(rng, RATES, success=0.3 + n / 100, reward=0.4 + n / 60) for n in range(STEPS)]
        for _ in range(200)
    ]
    assert sum(bool(ever(steps)) for steps in runs) <= 0.1 * len(runs)


@pytest.mark.parametrize(
    ("sign", "late"),
    [
        ("repeats", {"rates": {**RATES, "repeats": 0.3}}),
        ("refusals", {"rates": {**RATES, "refusals": 0.6}}),
        ("transfers", {"rates": {**RATES, "transfers": 0.4}}),
        ("length", {"tokens": 600}),
        ("length", {"tokens": 150}),
        ("entropy", {"entropy": 0.02}),
        ("divergence", {"reward": 0.8}),
    ],
)
def test_a_run_that_games_its_reward_is_seen(sign: str, late: dict[str, Any]) -> None:
    rng, seen = Random(2), 0
    for _ in range(50):
        early = [played(rng, RATES) for _ in range(6)]
        steps = [*early, *(played(rng, **{"rates": RATES, **late}) for _ in range(10))]
        found = {one.name: one.evidence for one in gaming(steps)}
        seen += " from " in found.get(sign, "")
    assert seen >= 40


def test_a_short_run_says_nothing() -> None:
    rng = Random(3)
    assert gaming([played(rng, RATES, tokens=100 * (n + 1)) for n in range(7)]) == []


def test_readings_are_means_over_groups(world: Any) -> None:
    good = world.echo("a", 1)
    bad = replace(good, score=replace(good.score, success=False))
    step = read_step([[good, bad], [good], []], world.domain, 0.3)
    assert step["success"][0] == pytest.approx(0.75)
    assert step["success"][1] == pytest.approx(0.25)
    assert step["entropy"] == (0.3, 0.0)
    assert read_step([[]], world.domain, None) == {}


def gamed(job: Callable[..., TrainingJob], warnings: list[str]) -> TrainingJob:
    """A job whose reward goes up from the fifth step on, while nothing succeeds."""
    honest, steps = job(), []

    def rollouts(policy: Any, jobs: Sequence[Any], *, guided: int = 0) -> list[Episode]:
        steps.append(1)
        paid = 1.0 if len(steps) > 4 else 0.0
        return [
            replace(one, score=replace(one.score, success=False, total=paid + 0.01 * place))
            for place, one in enumerate(honest.rollouts(policy, jobs))
        ]

    return job(rollouts=rollouts, warn=warnings.append)


def train(job: TrainingJob, **options: Any) -> Any:
    sizes = {"max_steps": 10, "tasks_per_step": 4, "num_generations": 2}
    return (
        open_registry().make("trainer", "grpo", Settings(options={**sizes, **options})).train(job)
    )


def test_a_sign_is_told_once_and_kept(job: Callable[..., TrainingJob]) -> None:
    warnings: list[str] = []
    record = train(gamed(job, warnings))
    assert record["stopped_because"] == "max_steps"
    assert len(warnings) == 1
    assert "divergence" in warnings[0]
    assert "step 8: reward rose from" in record["signs"]["divergence"]
    assert record["final"]["behaviour/turns"] > 0


def test_a_sign_can_end_the_run(job: Callable[..., TrainingJob]) -> None:
    record = train(gamed(job, []), gaming="stop")
    assert (record["steps"], record["stopped_because"]) == (8, "gaming")


def test_nobody_need_look(job: Callable[..., TrainingJob]) -> None:
    warnings: list[str] = []
    record = train(gamed(job, warnings), gaming="off")
    assert (record["signs"], warnings) == ({}, [])


def shown(steps: list[Step], losses: Sequence[float]) -> list[Step]:
    """The steps of a run that is shown proofs, with the loss of their tokens (nats)."""
    rng = Random(len(steps))
    return [
        {**step, "proof_loss": (loss * rng.gauss(1, 0.1), 0.0)}
        for step, loss in zip(steps, losses, strict=True)
    ]


FALLING = [2.0 - n * 0.06 for n in range(STEPS)]


def test_a_policy_that_copies_proofs_and_never_succeeds_is_seen() -> None:
    rng, seen = Random(4), 0
    for _ in range(50):
        steps = shown([played(rng, RATES, success=0.0) for _ in range(STEPS)], FALLING)
        found = {sign.name: sign.evidence for sign in gaming(steps)}
        seen += "fell from 1." in found.get("copies", "") and "0% to 0%" in found["copies"]
    assert seen == 50


def test_a_policy_that_copies_proofs_and_stays_where_it_was_is_mostly_seen() -> None:
    rng = Random(5)
    runs = [shown([played(rng, RATES) for _ in range(STEPS)], FALLING) for _ in range(100)]
    assert sum("copies" in ever(steps) for steps in runs) >= 50


def test_a_policy_that_learns_from_proofs_hardly_ever_warns() -> None:
    rng = Random(6)
    runs = [
        shown(
            [played(rng, RATES, success=0.15 + n / 80, reward=0.3 + n / 70) for n in range(STEPS)],
            FALLING,
        )
        for _ in range(200)
    ]
    assert sum(bool(ever(steps)) for steps in runs) <= 0.1 * len(runs)


def test_proofs_that_get_no_likelier_are_not_copied() -> None:
    rng = Random(7)
    runs = [shown([played(rng, RATES) for _ in range(STEPS)], [1.5] * STEPS) for _ in range(200)]
    assert sum("copies" in ever(steps) for steps in runs) <= 0.02 * len(runs)


def test_steps_without_proofs_between_those_with_some_do_no_harm() -> None:
    rng = Random(8)
    steps = shown([played(rng, RATES, success=0.0) for _ in range(STEPS)], FALLING)
    rare = [
        step if n % 4 == 3 else {k: v for k, v in step.items() if k != "proof_loss"}
        for n, step in enumerate(steps)
    ]
    assert "copies" in {sign.name for sign in gaming(rare)}
    assert gaming([{} for _ in range(STEPS)]) == []
