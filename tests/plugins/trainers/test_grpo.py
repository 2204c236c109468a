from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from harness.errors import ConfigError, NothingToLearn
from harness.llm.roles import open_registry
from harness.protocols import Settings, TrainingJob
from harness.training.advantages import group_advantages
from harness.types import Episode, Score, TermScore, TokenTrace
from harness_grpo.options import Options
from harness_grpo.sampling import token_columns
from harness_grpo.trainer import GrpoTrainer

Jobs = Callable[..., TrainingJob]
NAN = float("nan")

ENGINES = ("packed", "padded", "trl")
"""Ways to compute an update: rows packed end to end, padded rows, and all by TRL."""


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()]).clone()


def train(job: TrainingJob, **options: Any) -> dict[str, Any]:
    few = {
        "max_steps": 2,
        "tasks_per_step": 2,
        "num_generations": 4,
        "learning_rate": 1e-2,
        "guard": False,
    }
    return dict(GrpoTrainer(Options(**{**few, **options})).train(job))


def rescored(job: TrainingJob, score: Callable[[int], Score]) -> Any:
    """The job's rollouts, scored by the number of the rollout in its step."""

    def rollouts(policy: Any, jobs: Sequence[Any], *, guided: int = 0) -> list[Episode]:
        episodes = job.rollouts(policy, jobs)
        return [replace(one, score=score(number)) for number, one in enumerate(episodes)]

    return replace(job, rollouts=rollouts)


def trace(sampled: str) -> TokenTrace:
    marks = np.array([mark == "x" for mark in sampled])
    ids = np.arange(10, 10 + len(marks))
    return TokenTrace(ids=ids, sampled=marks, logprobs=np.where(marks, -0.5, 0).astype(np.float32))


def test_the_rewarded_letter_is_said_more_and_more_often(job: Jobs, policy: Any) -> None:
    record = train(job(), max_steps=15, num_generations=6)
    rewards = [point["reward"] for point in record["curve"]]
    assert np.mean(rewards[-3:]) > np.mean(rewards[:3]) + 0.4
    assert record["rollouts"] == 15 * 12
    assert record["final"]["term/share_of_b"] == pytest.approx(rewards[-1] / 2, abs=1e-5)
    assert record["stopped_because"] == "max_steps"
    assert policy.changes == 15 + 1


@pytest.mark.parametrize("loss", ["dapo", "grpo", "dr_grpo", "gspo", "cispo"])
def test_each_loss_moves_the_weights(job: Jobs, policy: Any, loss: str) -> None:
    before = weights(policy.model)
    record = train(job(), max_steps=1, loss_type=loss)
    assert record["final"]["grad_norm"] > 0
    assert not torch.equal(before, weights(policy.model))


def test_narrow_weights_are_wide_while_they_are_trained(job: Jobs, policy: Any) -> None:
    policy.model.to(torch.bfloat16)
    before, seen = weights(policy.model), set()
    training = job()

    def rollouts(policy: Any, jobs: Sequence[Any], *, guided: int = 0) -> list[Episode]:
        seen.add(policy.model.dtype)
        return list(training.rollouts(policy, jobs))

    train(replace(training, rollouts=rollouts), max_steps=3)
    assert seen == {torch.float32}
    assert policy.model.dtype == torch.bfloat16
    assert not torch.equal(before, weights(policy.model))


@pytest.mark.parametrize("loss", ["dapo", "grpo", "gspo", "dr_grpo", "cispo"])
def test_a_batch_in_many_parts_gives_the_update_of_the_whole(
    job: Jobs, world: Any, loss: str
) -> None:
    ends = []
    for part_tokens in (10, 10_000):
        policy = world.policy()
        sizes = {"max_steps": 1, "tasks_per_step": 4, "part_tokens": part_tokens}
        record = train(job(policy=policy), **sizes, loss_type=loss, learning_rate=1e-4)
        assert record["final"]["rollouts_trained_on"] > 4
        ends.append(weights(policy.model))
    torch.testing.assert_close(*ends, atol=2e-6, rtol=0)


def use(engine: str, patch: pytest.MonkeyPatch) -> None:
    """Let updates be computed that way."""
    if engine != "packed":
        patch.setattr("harness_grpo.training.can_pack", lambda model, ids: False)
    if engine == "trl":
        patch.setattr("harness_grpo.reinforcement.can_run_head_alone", lambda model: False)


@pytest.mark.parametrize("loss", ["dapo", "grpo", "gspo", "dr_grpo", "cispo"])
def test_packed_rows_on_two_threads_give_the_update_of_trl(
    job: Jobs, world: Any, monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    ends = []
    for engine in ENGINES:
        use(engine, monkeypatch)
        policy = world.policy()
        record = train(
            job(policy=policy),
            max_steps=1,
            tasks_per_step=6,
            temperature=0.6,
            learning_rate=1e-4,
            loss_type=loss,
            threads=2,
            part_tokens=40,
        )
        assert record["packed"] == (engine == "packed")
        assert record["final"]["rollouts_trained_on"] > 0
        assert record["final"]["sampler_gap_max"] < 1e-3
        ends.append((weights(policy.model), record["final"]))
    for others_weights, others in ends[1:]:
        torch.testing.assert_close(ends[0][0], others_weights, atol=2e-6, rtol=0)
        for name in ("entropy", "loss", "grad_norm"):
            assert ends[0][1][name] == pytest.approx(others[name], abs=1e-4)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_the_trainer_finds_the_log_probabilities_of_the_sampler(
    job: Jobs, temperature: float
) -> None:
    record = train(job(), max_steps=1, tasks_per_step=6, temperature=temperature)
    assert record["curve"][0]["sampler_gap_max"] < 1e-3


def test_log_probabilities_that_are_not_the_samplers_are_seen(job: Jobs) -> None:
    honest = job()

    def rollouts(policy: Any, jobs: Sequence[Any], *, guided: int = 0) -> list[Episode]:
        return [
            replace(one, tokens=replace(one.tokens, logprobs=one.tokens.logprobs - 0.5))
            for one in honest.rollouts(policy, jobs)
        ]

    record = train(job(rollouts=rollouts), max_steps=1)
    assert record["final"]["sampler_gap_mean"] == pytest.approx(0.5, abs=1e-3)
    assert record["final"]["clipped"] > 0.2


@pytest.mark.parametrize("loss", ["dapo", "cispo"])
def test_the_samplers_own_log_probabilities_are_within_the_clip(job: Jobs, loss: str) -> None:
    assert train(job(), max_steps=1, loss_type=loss)["final"]["clipped"] == 0.0


def test_groups_without_spread_are_replaced_by_other_tasks(job: Jobs) -> None:
    honest, played = job(), []

    def rollouts(policy: Any, jobs: Sequence[Any], *, guided: int = 0) -> list[Episode]:
        """Of the first two groups, the second has no spread."""
        played.append(jobs)
        return [
            replace(one, score=Score(success=True, total=float(number if number < 4 else 7)))
            if len(played) == 1
            else one
            for number, one in enumerate(honest.rollouts(policy, jobs))
        ]

    record = train(job(rollouts=rollouts), max_steps=1, resamples=3)
    assert [len(jobs) for jobs in played] == [8, 4]
    assert len({jobs[-1][0].id for jobs in played}) == 2
    assert record["rollouts"] == record["final"]["rollouts"] == 12
    assert record["final"]["rollouts_trained_on"] == 8
    assert record["final"]["groups_without_spread"] == pytest.approx(1 / 3)


def test_replacing_groups_ends_at_the_limit(job: Jobs, policy: Any) -> None:
    before = weights(policy.model)
    flat = rescored(job(), lambda number: Score(success=True, total=0.7))
    record = train(flat, max_steps=1, resamples=2)
    assert record["rollouts"] == 3 * 8
    assert record["final"]["rollouts_trained_on"] == 0
    assert "entropy" not in record["final"]
    assert torch.equal(before, weights(policy.model))


def test_a_step_of_several_updates_samples_once(job: Jobs, policy: Any) -> None:
    record = train(job(), num_iterations=3)
    assert record["rollouts"] == 2 * 8
    assert [point["step"] for point in record["curve"]] == [1, 2]
    assert policy.changes == 2 + 1
    assert record["final"]["sampler_gap_max"] < 1e-3


def test_later_updates_of_a_step_are_clipped(job: Jobs, world: Any) -> None:
    once, often = (
        train(job(policy=world.policy()), max_steps=1, tasks_per_step=4, num_iterations=number)
        for number in (1, 6)
    )
    assert once["final"]["clipped"] == 0
    assert often["final"]["clipped"] > 0


def test_the_learning_rate_warms_up(job: Jobs, world: Any) -> None:
    moves = []
    for warmup_steps in (0, 3):
        policy = world.policy()
        before = weights(policy.model)
        train(job(policy=policy), max_steps=1, learning_rate=1e-3, warmup_steps=warmup_steps)
        moves.append(float((weights(policy.model) - before).norm()))
    assert moves[1] == pytest.approx(moves[0] / 4, rel=0.01)


def test_the_distance_to_the_start_is_logged_and_held_down_by_beta(job: Jobs, world: Any) -> None:
    free, held = (
        train(job(policy=world.policy()), max_steps=6, beta=beta, learning_rate=3e-3)
        for beta in (0.0, 5.0)
    )
    assert free["curve"][0]["kl"] == held["curve"][0]["kl"] == pytest.approx(0, abs=1e-6)
    assert free["final"]["kl"] > 0.005
    assert held["final"]["kl"] < free["final"]["kl"] / 2
    assert all(point["entropy"] > 0 for point in free["curve"])
    assert "kl" not in train(job(), max_steps=1, track_kl=False)["final"]


def test_scoring_under_the_start_agrees_with_trl(
    job: Jobs, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for engine in ENGINES:
        use(engine, monkeypatch)
        policy = world.policy()
        record = train(
            job(policy=policy), max_steps=2, temperature=0.6, beta=1.0, learning_rate=1e-3
        )
        found.append((weights(policy.model), record["final"]["kl"]))
    for others_weights, kl in found[1:]:
        torch.testing.assert_close(found[0][0], others_weights, atol=1e-5, rtol=0)
        assert found[0][1] == pytest.approx(kl, rel=1e-3)


def test_rewards_without_spread_change_nothing(job: Jobs, policy: Any) -> None:
    before = weights(policy.model)
    record = train(rescored(job(), lambda number: Score(success=True, total=0.7)))
    assert torch.equal(before, weights(policy.model))
    assert record["final"]["groups_without_spread"] == 1.0


def test_an_episode_that_ended_in_a_fault_is_not_trained_on(
    job: Jobs, policy: Any, world: Any
) -> None:
    before = weights(policy.model)
    faulty = job(tasks=[world.task("a", "fault")])
    same = TermScore(name="same", value=1.0)

    def score(number: int) -> Score:
        return Score(success=True, terms=(same,), total=1.0)

    def rollouts(policy: Any, jobs: Sequence[Any], *, guided: int = 0) -> list[Episode]:
        return [
            one if one.trajectory.is_fault else replace(one, score=score(0))
            for one in faulty.rollouts(policy, jobs)
        ]

    record = train(replace(faulty, rollouts=rollouts))
    assert 0 < record["final"]["faults"] < 8
    assert record["final"]["reward"] == 1.0
    assert torch.equal(before, weights(policy.model))


def test_a_step_of_faults_alone_passes_without_harm(job: Jobs, policy: Any) -> None:
    before = weights(policy.model)
    honest = job()

    def rollouts(policy: Any, jobs: Sequence[Any], *, guided: int = 0) -> list[Episode]:
        return [
            replace(
                one,
                trajectory=replace(one.trajectory, ended="user_fault"),
                score=Score(success=False),
                tokens=None,
            )
            for one in honest.rollouts(policy, jobs)
        ]

    for loss in ("dapo", "grpo"):
        record = train(job(rollouts=rollouts), loss_type=loss)
        assert record["final"]["faults"] == 8
        assert torch.equal(before, weights(policy.model))


def test_a_collapse_ends_the_run_and_brings_the_best_weights_back(job: Jobs, policy: Any) -> None:
    seen: list[torch.Tensor] = []
    honest = job()

    def rollouts(policy: Any, jobs: Sequence[Any], *, guided: int = 0) -> list[Episode]:
        seen.append(weights(policy.model))
        good = len(seen) <= 4
        return [
            replace(one, score=replace(one.score, success=good))
            for one in honest.rollouts(policy, jobs)
        ]

    record = train(job(rollouts=rollouts), max_steps=30, guard=True)
    assert record["stopped_because"] == "collapse"
    assert record["steps"] == 8
    torch.testing.assert_close(weights(policy.model), seen[3])


def test_the_time_budget_ends_the_run(job: Jobs) -> None:
    record = train(job(), max_steps=1000, seconds=0.01)
    assert (record["steps"], record["stopped_because"]) == (1, "seconds")


def test_a_group_plays_one_task_with_seeds_of_its_own(job: Jobs) -> None:
    played: list[Any] = []
    honest = job()

    def rollouts(policy: Any, jobs: Sequence[Any], *, guided: int = 0) -> Sequence[Episode]:
        played.append(jobs)
        return honest.rollouts(policy, jobs)

    train(job(rollouts=rollouts))
    assert len(played) == 2
    for jobs in played:
        groups = [jobs[:4], jobs[4:]]
        assert [len({task.id for task, _, _ in group}) for group in groups] == [1, 1]
        assert [[trial for _, trial, _ in group] for group in groups] == [[0, 1, 2, 3]] * 2
    seeds = [seed for jobs in played for _, _, seed in jobs]
    assert len(set(seeds)) == len(seeds)


def test_a_row_is_the_trace_up_to_the_last_sampled_token(world: Any) -> None:
    columns = token_columns([replace(world.echo("a", 1), tokens=trace("..xx..xx..."))])
    assert columns["prompt_ids"] == [[10]]
    assert columns["completion_ids"] == [[11, 12, 13, 14, 15, 16, 17]]
    assert columns["env_mask"] == [[0, 1, 1, 0, 0, 1, 1]]
    assert columns["logprobs"] == [[0.0, -0.5, -0.5, 0.0, 0.0, -0.5, -0.5]]


@pytest.mark.parametrize(
    ("rewards", "scale", "advantages"),
    [
        ([[1, 1, 0, 0]], "group", [[5 / 7, 5 / 7, -5 / 7, -5 / 7]]),
        ([[1, 1, 0, 0]], "none", [[0.5, 0.5, -0.5, -0.5]]),
        ([[1, NAN, 0, NAN]], "none", [[0.5, 0, -0.5, 0]]),
        ([[0.3, 0.3, 0.3], [NAN, NAN, 4]], "group", [[0, 0, 0], [0, 0, 0]]),
        ([[0, 2], [1, 1]], "batch", [[-1 / (0.5**0.5 + 0.2), 1 / (0.5**0.5 + 0.2)], [0, 0]]),
    ],
)
def test_an_advantage_is_the_distance_to_the_group(
    rewards: list[list[float]], scale: Any, advantages: list[list[float]]
) -> None:
    found = group_advantages(np.array(rewards, dtype=np.float32), scale=scale, offset=0.2)
    np.testing.assert_allclose(found, advantages, atol=1e-6)


def test_all_but_the_weights_is_as_before_and_nothing_is_printed(
    job: Jobs, policy: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    model = policy.model
    before = dict(vars(model)), dict(vars(model.config)), torch.get_num_threads()
    train(job(), threads=2)
    assert (dict(vars(model)), dict(vars(model.config)), torch.get_num_threads()) == before
    assert not any(module.training for module in model.modules())
    assert capfd.readouterr() == ("", "")


def test_equal_seeds_give_equal_runs(job: Jobs, world: Any) -> None:
    ends = []
    for _ in range(2):
        policy = world.policy()
        train(job(policy=policy))
        ends.append(weights(policy.model))
    assert torch.equal(*ends)


def test_without_tasks_there_is_nothing_to_learn(job: Jobs) -> None:
    with pytest.raises(NothingToLearn, match="no tasks"):
        train(job(tasks=()))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("loss", "ppo"),
        ("scale_rewards", "median"),
        ("multi_objective_aggregation", "both"),
        ("sampling", "hardest"),
        ("max_steps", 0),
        ("num_generations", 1),
        ("temperature", 0),
        ("learning_rate", -1e-4),
        ("epsilon", 1.0),
        ("beta", -0.1),
        ("seconds", "soon"),
        ("updates", 2),
    ],
)
def test_a_bad_option_is_named(option: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=option):
        open_registry().make("trainer", "grpo", Settings(options={option: value}))


def test_the_trainer_is_offered_as_grpo() -> None:
    trainer = open_registry().make(
        "trainer", "grpo", Settings(options={"max_steps": 3, "loss_type": "gspo"})
    )
    assert trainer.needs == "tasks"
