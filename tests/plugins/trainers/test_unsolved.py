"""GRPO where whole groups fail: proofs join them, are imitated, or begin their rollouts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.errors import ConfigError
from harness.llm.roles import open_registry
from harness.protocols import Settings, TrainingJob
from harness.training.proof_traces import Proof, read_proofs
from harness.types import Episode, Message, Score
from harness_grpo.buffer import Buffer
from harness_grpo.options import Options
from harness_grpo.proof_losses import token_losses
from harness_grpo.trainer import GrpoTrainer

Jobs = Callable[..., TrainingJob]
MODES = ("proof", "buffer", "prefix")
FEW = {
    "max_steps": 2,
    "tasks_per_step": 2,
    "num_generations": 4,
    "learning_rate": 1e-2,
    "buffer_size": 2,
    "guard": False,
}


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()]).clone()


def train(job: TrainingJob, **options: Any) -> dict[str, Any]:
    return dict(GrpoTrainer(Options(**{**FEW, **options})).train(job))


def proven(world: Any, letter: str, *said: str, total: float = 1.0) -> Episode:
    """A proof in which the agent says this; the user says the letter before each turn."""
    echo = world.echo(letter, 1)
    messages = [Message(role="assistant", content=world.domain.greeting)]
    for text in said:
        messages += [echo.trajectory.messages[1], Message(role="assistant", content=text)]
    trajectory = replace(echo.trajectory, messages=tuple(messages), id=f"proof-{letter}")
    return replace(echo, trajectory=trajectory, score=Score(success=True, total=total))


def proofs(world: Any, letters: str = "abcdefgh") -> dict[str, Episode]:
    return {f"task-{letter}": proven(world, letter, "b b", "b") for letter in letters}


def judged(job: TrainingJob, success: Callable[[Episode], bool]) -> TrainingJob:
    """The job's rollouts, of which these succeed; the reward is success and nothing else."""

    def rollouts(policy: Any, jobs: Sequence[Any], *, guided: int = 0) -> list[Episode]:
        return [
            replace(one, score=Score(success=(good := success(one)), total=float(good)))
            for one in job.rollouts(policy, jobs)
        ]

    return replace(job, rollouts=rollouts)


def never(episode: Episode) -> bool:
    return False


def is_first(episode: Episode) -> bool:
    return episode.trajectory.trial == 0


def agent_said(episode: Episode) -> str:
    turns = episode.trajectory.messages[1:]
    return " ".join(message.content for message in turns if message.role == "assistant")


def said_b(episode: Episode) -> bool:
    return agent_said(episode).split().count("b") >= 4


def begins_as_proven(episode: Episode) -> bool:
    return agent_said(episode).startswith("b b")


@pytest.mark.parametrize(
    ("kind", "loss_type", "mean"),
    [
        *((kind, "dapo", "tokens") for kind in ("luffy", "cross_entropy", "chord")),
        *(("luffy", loss_type, "tokens") for loss_type in ("grpo", "dr_grpo", "gspo", "cispo")),
        *(("cross_entropy", loss_type, "groups") for loss_type in ("dapo", "grpo")),
    ],
)
def test_the_update_of_a_failed_group_is_that_of_its_proof_by_the_formula(
    job: Jobs, world: Any, kind: Any, loss_type: str, mean: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, found = world.policy(), []
    start = world.policy()
    monkeypatch.setattr(
        "torch.optim.AdamW.step",
        lambda self, *_: found.append(_gradient(policy.model)),
    )
    made = judged(job(policy=policy, proofs=proofs(world)), never)
    record = train(
        made, max_steps=1, unsolved="proof", proof_loss=kind, proof_mean=mean, proof_weight=3.0,
        proof_contrast=False, loss_type=loss_type, max_grad_norm=1e9, temperature=0.7,
        max_completion_length=50,
    )  # fmt: skip
    assert (record["final"]["proofs"], record["final"]["rollouts_trained_on"]) == (2, 0)
    # Two groups of 4 failures and a proof: advantage 1 - 1/5, 5 tokens each (b b <end> b <end>).
    share = {"dapo": 1 / 10, "cispo": 1 / 10, "dr_grpo": 1 / (10 * 50)}.get(loss_type, 1 / (10 * 5))
    if mean == "groups":
        share = 1 / (2 * 5)
    loss = torch.zeros(())
    for task_id in {episode.task.id for episode in _played(made)}:
        logprobs = _logprobs(start, world, made.proofs[task_id], 0.7)
        loss = loss + 3.0 * 0.8 * share * token_losses(logprobs, kind).sum()
    loss.backward()
    torch.testing.assert_close(found[0], _gradient(start.model), atol=1e-6, rtol=1e-4)


def _played(job: TrainingJob) -> list[Episode]:
    from harness_grpo.sampling import Sampler

    sampler = Sampler(job, Options(**FEW))
    sampler([""] * 8, None)
    return list(sampler.episodes)


def _gradient(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([w.grad.flatten() for w in model.parameters() if w.grad is not None]).clone()


def _logprobs(policy: Any, world: Any, episode: Episode, temperature: float) -> torch.Tensor:
    w = world.words.index
    letter = episode.task.scenario.reason
    turn = [w("<user>"), w(letter), w("<agent>")]
    ids = [*turn, w("b"), w("b"), w("<end>"), *turn, w("b"), w("<end>")]
    logits = policy.model(torch.tensor([ids])).logits[0] / temperature
    places = [3, 4, 5, 9, 10]
    return logits.log_softmax(-1)[[at - 1 for at in places], [ids[at] for at in places]]


@pytest.mark.parametrize("loss_type", ["dapo", "grpo", "dr_grpo", "gspo", "cispo"])
def test_a_batch_with_proofs_in_many_parts_gives_the_update_of_the_whole(
    job: Jobs, world: Any, loss_type: str
) -> None:
    ends = []
    for part_tokens in (12, 10_000):
        policy = world.policy()
        made = judged(job(policy=policy, proofs=proofs(world)), said_b)
        record = train(
            made, max_steps=1, tasks_per_step=6, unsolved="proof", loss_type=loss_type,
            proof_contrast=True, proof_mean="tokens", learning_rate=1e-4, part_tokens=part_tokens,
        )  # fmt: skip
        assert record["final"]["proofs"] > 0
        assert record["final"]["rollouts_trained_on"] > 4
        ends.append(weights(policy.model))
    torch.testing.assert_close(*ends, atol=2e-6, rtol=0)


def test_packed_padded_or_scored_by_trl_proofs_give_the_same_update(
    job: Jobs, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = []
    for packs, alone in ((True, True), (False, True), (False, False)):
        monkeypatch.setattr("harness_grpo.training._packs", lambda *_, packs=packs: packs)
        monkeypatch.setattr(
            "harness_grpo.reinforcement.can_run_head_alone", lambda model, alone=alone: alone
        )
        policy = world.policy()
        made = judged(job(policy=policy, proofs=proofs(world)), never)
        train(made, max_steps=1, unsolved="proof", temperature=0.6, learning_rate=1e-4)
        ends.append(weights(policy.model))
    for end in ends[1:]:
        torch.testing.assert_close(end, ends[0], atol=2e-6, rtol=0)


@pytest.mark.parametrize("kind", ["luffy", "cross_entropy", "chord"])
def test_proofs_teach_what_no_rollout_finds(job: Jobs, world: Any, kind: str) -> None:
    made = judged(job(policy=world.policy(), proofs=proofs(world)), said_b)
    record = train(made, max_steps=25, tasks_per_step=4, unsolved="proof", proof_loss=kind)
    curve = record["curve"]
    assert curve[0]["proofs"] > 0
    first = [point["proof_loss"] for point in curve[:3]]
    assert np.mean([point["success"] for point in curve[-5:]]) > 0.5
    assert curve[0]["success"] < 0.2
    assert min(point.get("proof_loss", 9.0) for point in curve) < np.mean(first) * 0.7
    assert record["proofs"] == {
        "usable": 8, "missing": 0, "too_long": 0, "too_short": 0, "differs": 0
    }  # fmt: skip


def test_with_contrast_the_failures_a_proof_joins_are_trained_on(job: Jobs, world: Any) -> None:
    found = {}
    for contrast in (True, False):
        made = judged(job(policy=world.policy(), proofs=proofs(world)), never)
        record = train(made, max_steps=1, unsolved="proof", proof_contrast=contrast)
        found[contrast] = record["final"]["rollouts_trained_on"]
    assert found == {True: 8, False: 0}


def test_a_group_with_a_success_gets_no_proof(job: Jobs, world: Any) -> None:
    plain, with_proofs = (
        train(
            judged(job(policy=world.policy(), proofs=proofs(world)), is_first),
            max_steps=1,
            unsolved=mode,
        )
        for mode in ("skip", "proof")
    )
    assert with_proofs["final"]["proofs"] == 0
    assert "proof_loss" not in with_proofs["final"]
    assert with_proofs["final"]["grad_norm"] == plain["final"]["grad_norm"]


def test_a_failed_group_that_a_proof_joins_is_not_replaced(job: Jobs, world: Any) -> None:
    for letters, rollouts in (("abcdefgh", 8), ("", 8 + 3 * 8)):
        made = judged(job(policy=world.policy(), proofs=proofs(world, letters)), never)
        record = train(made, max_steps=1, unsolved="proof", resamples=3)
        assert record["rollouts"] == rollouts


def test_a_full_buffer_is_imitated_once_and_steps_are_not_miscounted(job: Jobs, world: Any) -> None:
    policy = world.policy()
    before = weights(policy.model)
    steps: list[tuple[int, int]] = []
    made = judged(job(policy=policy, proofs=proofs(world)), never)
    record = train(
        replace(made, progress=lambda step, of, point: steps.append((step, of))),
        max_steps=5, unsolved="buffer", buffer_size=4, buffer_batch_size=3, num_iterations=2,
    )  # fmt: skip
    assert steps == [(n, 5) for n in range(1, 6)]
    curve = record["curve"]
    assert [point["imitation_updates"] for point in curve] == [0, 2, 0, 2, 0]
    assert [point["proofs"] for point in curve] == [0, 4, 0, 4, 0]
    assert ["proof_loss" in point for point in curve] == [False, True, False, True, False]
    assert curve[3]["proof_loss"] < curve[1]["proof_loss"]
    assert record["final"]["rollouts_trained_on"] == 0
    assert not torch.equal(before, weights(policy.model))


def test_a_task_is_in_the_buffer_once_at_a_time(job: Jobs, world: Any) -> None:
    made = job(proofs=proofs(world))
    buffer = Buffer(read_proofs(made, limit=None), size=2, batch_size=8, seed=0)
    buffer.add("task-a")
    buffer.add("task-a")
    assert buffer.take() == []
    buffer.add("task-b")
    assert [[proof.task.id[-1] for proof in sorted_by_task(batch)] for batch in buffer.take()] == [
        ["a", "b"]
    ]
    buffer.add("task-a")
    assert buffer.take() == []


def sorted_by_task(batch: Sequence[Proof]) -> list[Proof]:
    return sorted(batch, key=lambda proof: proof.task.id)


@pytest.mark.parametrize(("letters", "updates"), [("ab", [1, 1, 1]), ("", [0, 0, 0])])
def test_a_buffer_is_full_with_all_proofs_there_are(
    job: Jobs, world: Any, letters: str, updates: list[int]
) -> None:
    tasks = [world.task(letter) for letter in "ab"]
    known = {"tasks": tasks, "proofs": proofs(world, letters)}
    made = judged(job(policy=world.policy(), **known), never)
    record = train(made, max_steps=3, unsolved="buffer", buffer_size=24)
    assert [point["imitation_updates"] for point in record["curve"]] == updates


def test_the_schedule_does_not_hear_of_updates_from_the_buffer(job: Jobs, world: Any) -> None:
    """AdamW moves a weight by no more than the rate; after 2 steps of the warm-up that is 3/101."""
    rate = 1.01 * 1e-2 * 3 / 101
    for updates in (1, 4):
        policy = world.policy()
        made = judged(job(policy=policy, proofs=proofs(world)), never)
        record = train(
            made, max_steps=2, unsolved="buffer", buffer_size=4, buffer_batch_size=4 // updates,
            warmup_steps=100,
        )  # fmt: skip
        assert record["final"]["imitation_updates"] == updates
        moved = float((weights(policy.model) - weights(world.model())).abs().max())
        assert 0.5 * rate < moved < updates * rate


def test_guided_rollouts_begin_as_the_proof_and_count_apart(job: Jobs, world: Any) -> None:
    made = judged(job(policy=world.policy(), proofs=proofs(world)), begins_as_proven)
    record = train(made, max_steps=3, tasks_per_step=4, unsolved="prefix", prefix_share=0.5)
    curve = record["curve"]
    assert [point["proofs"] for point in curve] == [0, 2, 2]
    assert "guided_success" not in curve[0]
    assert curve[1]["guided_success"] == curve[2]["guided_success"] == 1.0
    assert max(point["success"] for point in curve) < 0.3
    assert [point["rollouts"] for point in curve] == [16, 16, 16]
    assert curve[1]["faults"] == 0


def test_what_the_proof_says_in_a_guided_rollout_is_not_trained_on(
    job: Jobs, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Episode] = []
    made = judged(job(policy=world.policy(), proofs=proofs(world)), never)

    def rollouts(policy: Any, jobs: Sequence[Any], *, guided: int = 0) -> list[Episode]:
        seen.extend(found := list(made.rollouts(policy, jobs)))
        return found

    train(replace(made, rollouts=rollouts), max_steps=2, unsolved="prefix")
    guided = [one for one in seen if one.trajectory.trial >= 4]
    assert len(guided) == 4
    assert all(begins_as_proven(one) for one in guided)
    assert not any(one.tokens.sampled[:9].any() for one in guided if one.tokens)


def test_a_proof_that_goes_otherwise_is_said_once_and_skipped(job: Jobs, world: Any) -> None:
    warnings: list[str] = []
    other = {
        task_id: replace(
            episode,
            trajectory=replace(
                episode.trajectory,
                messages=(
                    *episode.trajectory.messages[:3],
                    Message(role="user", content="h h"),
                    *episode.trajectory.messages[4:],
                ),
            ),
        )
        for task_id, episode in proofs(world).items()
    }
    made = judged(job(policy=world.policy(), proofs=other, warn=warnings.append), never)
    record = train(made, max_steps=4, unsolved="prefix", tasks_per_step=2)
    assert record["proofs"]["differs"] == 3
    assert record["proofs"]["usable"] == 5
    assert len(warnings) == 1
    assert "answers differently" in warnings[0]
    assert [point["faults"] for point in record["curve"]] == [0, 4, 4, 4]


@pytest.mark.parametrize("mode", MODES)
def test_without_proofs_failed_groups_are_skipped_and_that_is_said_once(
    job: Jobs, world: Any, mode: str
) -> None:
    ends, warnings = [], []
    for unsolved in ("skip", mode):
        policy = world.policy()
        made = judged(job(policy=policy, warn=warnings.append), said_b)
        record = train(made, max_steps=3, tasks_per_step=4, unsolved=unsolved)
        ends.append((weights(policy.model), record["rollouts"]))
    assert torch.equal(ends[0][0], ends[1][0])
    assert ends[0][1] == ends[1][1]
    assert record["proofs"]["missing"] == 8
    assert len(warnings) == 1
    assert "no task has a proof that can be used" in warnings[0]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("killed_at", [3, 5])
def test_a_killed_run_goes_on_to_the_same_weights_with_proofs(
    job: Jobs, world: Any, tmp_path: Path, mode: str, killed_at: int
) -> None:
    class Killed(BaseException):
        """Stands for a kill: nothing catches it."""

    def run(folder: str, **changes: Any) -> Any:
        policy, warnings = world.policy(), []
        policy.model.config.max_position_embeddings = 60
        too_long = {"task-h": proven(world, "h", "b " * 60, "b")}
        known = {"proofs": proofs(world, "abcdefg") | too_long, "warn": warnings.append}
        made = judged(job(policy=policy, folder=tmp_path / folder, **known, **changes), said_b)
        record = train(
            made, max_steps=7, tasks_per_step=3, unsolved=mode, save_steps=2, num_iterations=2,
            buffer_size=3, buffer_batch_size=2, guard=True, learning_rate=3e-3, warmup_steps=3,
        )  # fmt: skip
        return record, weights(policy.model), warnings

    def kill(step: int, steps: int, point: object) -> None:
        if step == killed_at:
            raise Killed

    straight, ended, told = run("straight")
    with suppress(Killed):
        run("killed", progress=kill)
    resumed, ended_too, told_again = run("killed")
    assert torch.equal(ended, ended_too)
    assert resumed["proofs"] == straight["proofs"]
    assert [_timeless(p) for p in resumed["curve"]] == [_timeless(p) for p in straight["curve"]]
    assert sum(point["proofs"] for point in straight["curve"]) > 0
    assert (len(told), told_again) == (1, [])


def _timeless(point: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in point.items() if "seconds" not in name}


def test_the_guard_is_not_fooled_by_guided_rollouts(job: Jobs, world: Any) -> None:
    steps: list[int] = []
    made = job(policy=world.policy(), proofs=proofs(world))

    def rollouts(policy: Any, jobs: Sequence[Any], *, guided: int = 0) -> list[Episode]:
        steps.append(1)
        return [
            replace(one, score=Score(success=(good := one.trajectory.trial >= 4 or
                                              len(steps) <= 3), total=float(good)))
            for one in made.rollouts(policy, jobs)
        ]  # fmt: skip

    record = train(
        replace(made, rollouts=rollouts), max_steps=30, tasks_per_step=4, unsolved="prefix",
        guard=True,
    )  # fmt: skip
    assert record["stopped_because"] == "collapse"
    assert record["final"]["guided_success"] == 1.0
    assert record["final"]["success"] == 0.0


@pytest.mark.parametrize(("mode", "gaming"), [("proof", "stop"), ("buffer", "stop")])
def test_a_policy_that_only_copies_proofs_is_seen(
    job: Jobs, world: Any, mode: str, gaming: str
) -> None:
    warnings: list[str] = []
    made = judged(job(policy=world.policy(), proofs=proofs(world), warn=warnings.append), never)
    record = train(made, max_steps=30, unsolved=mode, gaming=gaming, proof_loss="cross_entropy")
    assert "copies" in record["signs"]
    assert "fell from" in record["signs"]["copies"]
    assert record["stopped_because"] == "gaming"
    assert any("copies" in said for said in warnings)


def test_a_loss_of_the_buffer_that_is_not_finite_ends_the_run(job: Jobs, world: Any) -> None:
    policy = world.policy()
    made = judged(job(policy=policy, proofs=proofs(world)), never)
    record = train(made, unsolved="buffer", learning_rate=1e38)
    assert record["stopped_because"] == "loss not finite"
    assert bool(weights(policy.model).isfinite().all())


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"unsolved": "imitate"}, "unsolved"),
        ({"proof_loss": "mse"}, "proof_loss"),
        ({"proof_mean": "batch"}, "proof_mean"),
        ({"proof_weight": 0}, "proof_weight"),
        ({"buffer_size": 0}, "buffer_size"),
        ({"buffer_batch_size": -1}, "buffer_batch_size"),
        ({"prefix_share": 1.0}, "prefix_share"),
        ({"unsolved": "prefix", "tasks_per_step": 1}, "less than one group"),
    ],
)
def test_a_bad_option_about_proofs_is_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        open_registry().make("trainer", "grpo", Settings(options=options))


@pytest.mark.parametrize(("mode", "wanted"), [("skip", False), *((mode, True) for mode in MODES)])
def test_proofs_are_asked_for_where_they_are_used(mode: str, wanted: bool) -> None:
    made: Any = open_registry().make("trainer", "grpo", Settings(options={"unsolved": mode}))
    assert made.uses_proofs is wanted
