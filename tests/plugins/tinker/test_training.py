"""SFT, reinforcement and weights through a server that really trains."""

from __future__ import annotations

import gc
import json
import os
import pickle
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from harness.errors import ConfigError, ModelError, NothingToLearn, ProviderError, RunError
from harness.evaluation.rollout import run_rollouts
from harness.protocols import RolloutJob, TrainablePolicy
from harness_asyncio.forking import ForkExecutor
from harness_tinker.imitation import TinkerImitation
from harness_tinker.options import ImitationOptions, ReinforcementOptions
from harness_tinker.policy import TinkerPolicy
from harness_tinker.reinforcement import TinkerReinforcement
from harness_tinker.remote import RemoteModel
from harness_tinker.rows import Request, Row

from .conftest import Parts, job_of, opened, rollouts_of, shows, some_tasks
from .loopback import Refused, TinkerServer

FEW = ImitationOptions(max_steps=4, batch_size=2, learning_rate=1e-2, max_length=400, save_steps=2)


def one_row(length: int = 12) -> Row:
    learnt = np.arange(length) > 2
    return Row(
        ids=np.arange(5, 5 + length),
        learnt=learnt,
        weights=np.where(learnt, 1 / learnt.sum(), 0).astype(np.float32),
        logprobs=np.zeros(length, dtype=np.float32),
    )


def learn(remote: RemoteModel, steps: int) -> list[float]:
    """Losses of one row that is learnt again and again."""
    found = []
    for _ in range(steps):
        updated = remote.update([Request(rows=[one_row()], loss="cross_entropy")], 1e-2)
        found.append(-float(updated.logprobs[0][0][one_row().learnt].mean()))
    return found


def imitate(parts: Any, policy: Any, folder: Path, options: ImitationOptions = FEW) -> Any:
    episodes = shows(parts, some_tasks(parts, 4))
    job = job_of(parts, policy, folder, demonstrations=cycle(episodes), held_out=episodes[:1])
    return TinkerImitation(options).train(job)


def test_imitation_lowers_the_loss_of_what_is_held_out_too(parts: Parts, tmp_path: Path) -> None:
    made = parts()
    policy = made.trainable()
    assert isinstance(policy, TrainablePolicy)
    record = imitate(made, policy, tmp_path)
    losses = [point["loss"] for point in record["curve"]]
    assert losses[-1] < losses[0] - 0.1
    assert record["held_out_loss"] < losses[0] - 0.1
    assert record["stopped_because"] == "max_steps"


def test_the_weights_come_back_as_a_model_that_says_what_the_server_says(
    parts: Parts, remote: RemoteModel, server: TinkerServer, folder: Path, tmp_path: Path
) -> None:
    made = parts()
    policy: Any = made.trainable()
    learn(policy.remote, 3)
    policy.save(tmp_path / "sft" / "model")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "sft" / "model").eval()
    row = one_row()
    with torch.no_grad():
        logits = model(torch.from_numpy(row.ids)[None]).logits[0].log_softmax(-1)
    known = logits[:-1].gather(1, torch.from_numpy(row.ids[1:])[:, None])[:, 0].numpy()
    [told] = policy.remote.logprobs([row])
    assert np.abs(known - told[1:]).max() < 1e-4
    assert (tmp_path / "sft" / "model" / "adapter" / "adapter_config.json").is_file()


def test_a_checkpoint_is_opened_by_its_name_on_the_server_and_trained_further(
    parts: Parts, server: TinkerServer, tmp_path: Path
) -> None:
    policy: Any = parts().trainable()
    before = learn(policy.remote, 3)
    policy.save(tmp_path / "sft" / "model")
    policy.remote.close()
    noted = json.loads((tmp_path / "sft" / "model" / "tinker.json").read_text())
    assert noted["state"] in server.disk.states
    again: Any = opened(parts(), tmp_path / "sft" / "model")
    assert learn(again.remote, 1)[0] < before[-1]


def test_a_policy_that_is_done_with_gives_its_place_back(
    parts: Parts, server: TinkerServer
) -> None:
    policy: Any = parts().trainable()
    learn(policy.remote, 1)
    assert len(server.models) == 1
    del policy
    gc.collect()
    assert not server.models


def test_a_base_that_is_not_here_leaves_the_adapter_alone(
    parts: Parts, folder: Path, tmp_path: Path
) -> None:
    policy: Any = parts(merge=False).trainable()
    learn(policy.remote, 1)
    policy.save(tmp_path / "model")
    assert not (tmp_path / "model" / "model.safetensors").exists()
    assert (tmp_path / "model" / "adapter" / "adapter_model.safetensors").is_file()


def test_a_server_that_starts_again_in_a_training_leads_to_the_same_weights(
    remote: RemoteModel, server: TinkerServer
) -> None:
    expected = learn(remote, 5)
    other = RemoteModel(remote.server, remote.place)
    found = learn(other, 2)
    other.keep("kept")
    found += learn(other, 1)
    server.lose()
    found += learn(other, 2)
    assert found == pytest.approx(expected, abs=1e-5)
    assert other.losses == 1


def test_a_session_lost_between_gradient_and_step_is_not_counted_twice(
    remote: RemoteModel, server: TinkerServer
) -> None:
    expected = learn(remote, 3)
    other = RemoteModel(remote.server, remote.place)
    found = learn(other, 1)
    left = iter([True])

    def once(route: str, body: Any) -> None:
        if route == "optim_step" and next(left, False):
            server.lose()

    server.flaws = once
    found += learn(other, 2)
    assert found == pytest.approx(expected, abs=1e-5)


def test_weights_that_the_server_no_longer_has_are_named(
    remote: RemoteModel, server: TinkerServer
) -> None:
    learn(remote, 1)
    kept = remote.keep("kept")
    server.lose()
    server.disk.states.clear()
    with pytest.raises(RunError, match=kept):
        learn(remote, 1)


def test_what_a_server_refuses_is_not_asked_again(
    remote: RemoteModel, server: TinkerServer
) -> None:
    def refuse(route: str, body: Any) -> None:
        if route == "forward_backward":
            raise Refused(422, "rank too high")

    server.flaws = refuse
    with pytest.raises(ProviderError, match="rank too high"):
        learn(remote, 1)
    assert server.count("forward_backward") == 1


def test_a_killed_imitation_goes_on_from_what_the_server_kept(
    parts: Parts, server: TinkerServer, tmp_path: Path
) -> None:
    made = parts()
    whole = imitate(made, made.trainable(), tmp_path / "whole")

    def killed(step: int, steps: int, metrics: Any) -> None:
        if step == 3:
            raise KeyboardInterrupt

    episodes = shows(made, some_tasks(made, 4))
    given = {"demonstrations": cycle(episodes), "progress": killed}
    with pytest.raises(KeyboardInterrupt):
        TinkerImitation(FEW).train(job_of(made, made.trainable(), tmp_path / "cut", **given))
    server.lose()
    asked = server.count("optim_step")
    resumed = imitate(made, made.trainable(), tmp_path / "cut")
    assert server.count("optim_step") - asked == 2
    losses = [[point["loss"] for point in record["curve"]] for record in (whole, resumed)]
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)


def test_nothing_to_imitate_is_said(parts: Parts, tmp_path: Path) -> None:
    made = parts()
    with pytest.raises(NothingToLearn, match="agent turn"):
        TinkerImitation(FEW).train(job_of(made, made.trainable(), tmp_path))


@pytest.mark.parametrize(
    ("loss", "proof_loss", "passes"), [("ppo", "cross_entropy", 0), ("gspo", "luffy", 2)]
)
def test_failed_groups_learn_from_their_proofs_in_the_steps_own_update(
    parts: Parts, server: TinkerServer, tmp_path: Path, loss: Any, proof_loss: Any, passes: int
) -> None:
    made = parts()
    policy: Any = made.trainable()
    tasks = some_tasks(made, 2)
    proofs = {episode.task.id: episode for episode in shows(made, tasks)}
    warned: list[str] = []
    options = ReinforcementOptions(
        max_steps=2, tasks_per_step=2, num_generations=2, learning_rate=1e-2, loss=loss,
        proof_loss=proof_loss, proof_contrast=True,
    )  # fmt: skip
    job = job_of(made, policy, tmp_path, tasks=tasks, proofs=proofs, warn=warned.append)
    record = TinkerReinforcement(options).train(job)
    first, last = record["curve"]
    assert server.count("optim_step") == 2
    assert first["proofs"] == len(proofs) > 0
    assert server.count("forward_backward") == 4
    assert server.count("forward") == 2 * passes
    assert last["proof_loss"] < first["proof_loss"] + 0.2
    assert first["rollouts_trained_on"] > 0
    assert 0 < first["sampler_gap_max"] < 1e-3
    assert last["sampler_gap_max"] < 1e-3
    assert not warned
    assert record["rollouts"] == 8


def test_a_killed_reinforcement_goes_on_from_what_the_server_kept(
    parts: Parts, server: TinkerServer, tmp_path: Path
) -> None:
    made = parts()
    tasks = some_tasks(made, 2)
    proofs = {episode.task.id: episode for episode in shows(made, tasks)}
    options = ReinforcementOptions(
        max_steps=2, tasks_per_step=1, num_generations=2, learning_rate=1e-2, save_steps=1
    )
    trainer = TinkerReinforcement(options)
    given = {"tasks": tasks, "proofs": proofs}
    whole: Any = trainer.train(job_of(made, made.trainable(), tmp_path / "whole", **given))

    def killed(step: int, steps: int, metrics: Any) -> None:
        if step == 2:
            raise KeyboardInterrupt

    job = job_of(made, made.trainable(), tmp_path / "cut", progress=killed, **given)
    with pytest.raises(KeyboardInterrupt):
        trainer.train(job)
    server.lose()
    again: Any = trainer.train(job_of(made, made.trainable(), tmp_path / "cut", **given))
    same = ("step", "reward", "success", "proofs", "rollouts_trained_on")
    for expected, found in zip(whole["curve"], again["curve"], strict=True):
        assert {name: found[name] for name in same} == {name: expected[name] for name in same}
        assert found["loss"] == pytest.approx(expected["loss"], abs=1e-3)
    assert again["rollouts"] == whole["rollouts"]


def test_a_conversation_goes_on_over_a_lost_sampling_session(
    parts: Parts, server: TinkerServer
) -> None:
    made = parts()
    policy = made.trainable()
    jobs = [(task, 0, 5) for task in some_tasks(made, 2)]
    expected = rollouts_of(made)(policy, jobs)
    turns = iter(range(100))

    def lose_one(route: str, body: Any) -> None:
        if route == "asample" and next(turns) == 1:
            server.samplers.clear()

    server.flaws = lose_one
    found = rollouts_of(made)(policy, jobs)
    assert [e.trajectory.messages for e in found] == [e.trajectory.messages for e in expected]
    assert not any(episode.uncounted for episode in found)
    trace = found[0].tokens
    assert trace is not None
    assert {span.version for span in trace.versions} == {made.config.policy[7:]}


def test_a_policy_in_another_process_says_the_same_from_the_trained_weights(
    parts: Parts, server: TinkerServer
) -> None:
    made = parts()
    policy: Any = made.trainable()
    learn(policy.remote, 3)
    other = pickle.loads(pickle.dumps(policy))
    jobs = [(task, 0, 5) for task in some_tasks(made, 2)]
    told = [rollouts_of(made)(one, jobs) for one in (policy, other)]
    assert [e.trajectory.messages for e in told[0]] == [e.trajectory.messages for e in told[1]]
    for mine, others in zip(*told, strict=True):
        assert mine.tokens is not None
        assert others.tokens is not None
        assert mine.tokens.versions == others.tokens.versions
    assert mine.tokens.versions[0].version.endswith("+3")


def test_the_fork_executor_keeps_a_policy_with_threads_in_its_process(parts: Parts) -> None:
    made = parts()
    policy = made.trainable()
    setup = made.setup
    jobs = [
        RolloutJob(task=task, trial=trial, seed=trial)
        for task in some_tasks(made, 1)
        for trial in range(2)
    ]
    forks = ForkExecutor(processes=2, concurrency=2, least=1)
    found = run_rollouts(jobs, policy, setup, forks, keep_tokens=True)
    assert not any(episode.uncounted for episode in found)
    assert len(found) == 2


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"tokens": [7, 8], "logprobs": [-1.0, -1.0], "stop_reason": "stop"}, "ends a turn"),
        ({"tokens": [7, 8], "logprobs": [-1.0], "stop_reason": "length"}, "1 log-probabilities"),
        ({"tokens": [7, 8], "logprobs": None, "stop_reason": "length"}, "0 log-probabilities"),
    ],
)
def test_a_server_that_leaves_out_tokens_or_log_probabilities_is_of_no_use(
    parts: Parts, server: TinkerServer, said: Any, why: str
) -> None:
    made = parts()
    server.scripted = said
    with pytest.raises(ModelError, match=why):
        rollouts_of(made)(made.trainable(), [(some_tasks(made, 1)[0], 0, 3)])


def test_only_the_hosted_service_is_sent_its_key(
    parts: Parts, server: TinkerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINKER_API_KEY", "tml-secret")
    policy: Any = parts().trainable()
    learn(policy.remote, 1)
    assert server.keys == {"tml-none"}
    assert os.environ["TINKER_API_KEY"] == "tml-secret"


def test_a_server_that_has_another_model_is_refused_at_once(parts: Parts) -> None:
    with pytest.raises(Exception, match="has no base model 'other'"):
        parts(base_model="other").trainable()


def test_trainers_of_the_server_refuse_a_policy_that_is_elsewhere(
    parts: Parts, tmp_path: Path, folder: Path
) -> None:
    made = parts()
    local = made.changed(policy=f"path:{folder}", options={}).trainable()
    assert not isinstance(local, TinkerPolicy)
    with pytest.raises(ConfigError, match="Tinker server"):
        TinkerImitation(FEW).train(job_of(made, local, tmp_path))
