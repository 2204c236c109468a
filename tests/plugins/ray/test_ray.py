"""Items on a Ray cluster: each result once, whatever dies, and the same as in one process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.assembly.components import Components
from harness.cli import app
from harness.errors import BudgetSpent, ConfigError, RunError
from harness.evaluation.in_order import gather_in_order, in_order
from harness.evaluation.rollout import run_rollouts
from harness.injection.trial_runner import TrialRunner
from harness.protocols import RolloutJob, TrainingJob
from harness.testing import check_executor
from harness.testing.servers import ChatServer
from harness.testing.wires import Asked, Reply
from harness.types import Episode
from tests.plugins.ray.conftest import Play, jobs_of, parts_of

ray: Any = pytest.importorskip("ray", reason="needs the extra [ray]")

from harness_ray.executor import RayExecutor  # noqa: E402
from harness_ray.options import Options  # noqa: E402
from harness_ray.pool import connect  # noqa: E402

pytestmark = pytest.mark.usefixtures("cluster")


def executor(**options: Any) -> RayExecutor:
    return RayExecutor(Options(**{"actors": 2, "concurrency": 8, **options}))


def process_ids(of: RayExecutor) -> set[int]:
    async def pid(item: int) -> int:
        await asyncio.sleep(0.2)
        return os.getpid()

    return set(in_order(of, pid, range(16)))


def test_the_executor_keeps_its_protocol() -> None:
    check_executor(executor())


def test_items_run_in_the_actors_and_in_no_greater_number_than_asked_for() -> None:
    open_ones: set[int] = set()  # each actor has its own

    async def open_at_once(item: int) -> tuple[int, int]:
        open_ones.add(item)
        await asyncio.sleep(0.05)
        most = len(open_ones)
        open_ones.discard(item)
        return os.getpid(), most

    found = in_order(executor(concurrency=6), open_at_once, range(30))
    pids = {pid for pid, _ in found}
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert max(most for _, most in found) <= 3


def test_rollouts_are_those_of_one_process_with_faults_and_progress(play: Play) -> None:
    parts = parts_of(time_limit=30.0)
    jobs = jobs_of(parts, 60)
    told: list[int] = []
    episodes = play(parts, jobs, finished=lambda index, episode: told.append(index))
    assert episodes == play(parts, jobs, here=True)
    assert sorted(told) == list(range(60))
    assert {episode.score.success for episode in episodes} == {True, False}
    assert all(episode.score.terms for episode in episodes)


def test_a_killed_actor_costs_no_rollout_and_doubles_none(play: Play) -> None:
    parts = parts_of()
    jobs = jobs_of(parts, 80)
    pids = process_ids(parts.executor)  # type: ignore[arg-type]
    told: list[int] = []

    def finished(index: int, episode: object) -> None:
        told.append(index)
        if len(told) in (10, 40):
            os.kill(pids.pop(), signal.SIGKILL)

    episodes = play(parts, jobs, finished=finished)
    assert sorted(told) == list(range(80))
    assert episodes == play(parts, jobs, here=True)


def test_a_killed_driver_leaves_an_evaluation_that_goes_on_to_the_same_bytes(
    tmp_path: Path,
) -> None:
    address = ray.get_runtime_context().gcs_address
    words = ["--domain", "retail", "--policy", "noisy:0.5", "--tasks", "20", "--trials", "6"]
    on_ray = ["--executor", "ray", "--option", f"ray.address={address}"]
    few_at_once = ["--option", "ray.concurrency=2", "--option", "ray.actors=2"]

    def file_of(name: str) -> Path:
        return tmp_path / name / "evals" / "policy-test" / "episodes.jsonl"

    def run(*more: str) -> None:
        with pytest.raises(SystemExit) as left:
            app(["eval", *more])
        assert not left.value.code

    run(*words, "--executor", "asyncio", "--out", str(tmp_path / "whole"))
    command = [sys.executable, "-m", "harness", "eval", *words, *on_ray, *few_at_once]
    command += ["--out", str(tmp_path / "cut")]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while driver.poll() is None and not (
        file_of("cut").is_file() and file_of("cut").read_bytes().count(b"\n") > 5
    ):
        time.sleep(0.01)
    driver.kill()
    assert driver.wait() == -signal.SIGKILL
    assert file_of("cut").stat().st_size < file_of("whole").stat().st_size
    run("--resume", str(tmp_path / "cut"))
    assert file_of("cut").read_bytes() == file_of("whole").read_bytes()


def test_an_item_that_kills_its_process_is_named_and_others_are_not_to_blame() -> None:
    async def one(item: str) -> str:
        await asyncio.sleep(0.02)
        if item == "item 5":
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    told: list[str] = []

    async def run() -> None:
        await gather_in_order(
            executor(retries=2), one, [f"item {n}" for n in range(12)], lambda n, r: told.append(r)
        )

    with pytest.raises(RunError, match="the process that ran item 5 died 3 times"):
        asyncio.run(run())
    assert len(told) == len(set(told))


def test_an_item_that_is_cancelled_from_within_is_no_item_without_an_end() -> None:
    async def one(item: int) -> int:
        raise asyncio.CancelledError

    async def run() -> None:
        async with asyncio.timeout(60):
            await gather_in_order(executor(), one, range(3))

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


WITHOUT_MEMORY = """
import ray
from harness.errors import RunError
from harness.evaluation.in_order import in_order
from harness.llm.roles import open_registry
from harness.protocols import Settings

limit = {"memory_usage_threshold": 0.001, "memory_monitor_refresh_ms": 50}
ray.init(address="local", num_cpus=1, log_to_driver=False, logging_level="error",
         include_dashboard=False, object_store_memory=80_000_000, _system_config=limit)
executor = open_registry().make("executor", "ray", Settings(options={"actors": 1, "retries": 1}))


async def one(item):
    return item


try:
    in_order(executor, one, [1])
except RunError as error:
    print(error, error.hint)
"""


def test_an_actor_out_of_memory_is_an_error_that_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_MEMORY], capture_output=True, text=True, check=True
    )
    assert "the node running low on memory" in done.stdout
    assert "memory for its share of the actors" in done.stdout or "more memory" in done.stdout


DYING = """
import os, signal, sys, time
from harness.errors import RunError
from harness.evaluation.in_order import in_order
from harness.llm.roles import open_registry
from harness.protocols import Settings

options = {"address": sys.argv[1], "actors": 1, "retries": 0}
executor = open_registry().make("executor", "ray", Settings(options=options))


async def one(item):
    os.kill(os.getpid(), signal.SIGKILL)


try:
    in_order(executor, one, [1])
except RunError:
    time.sleep(3)
"""


def test_what_ray_says_of_a_death_does_not_get_into_the_output_of_a_command() -> None:
    address = ray.get_runtime_context().gcs_address
    done = subprocess.run(
        [sys.executable, "-c", DYING, address], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""


def test_a_policy_that_cannot_be_sent_is_said() -> None:
    lock = threading.Lock()

    async def one(item: int) -> int:
        return item + lock.locked()

    with pytest.raises(RunError, match="cannot be sent there: TypeError") as raised:
        in_order(executor(), one, range(4))
    assert "executor fork" in raised.value.hint


def test_what_is_to_stay_runs_in_this_process_and_so_does_all_in_a_child_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def pid(item: int) -> int:
        return os.getpid()

    here = [os.getpid()] * 4
    assert in_order(executor(), pid, range(4), stays_here=True) == here
    assert in_order(executor(), pid, range(4)) != here
    monkeypatch.setattr("multiprocessing.parent_process", object)
    assert in_order(executor(), pid, range(4)) == here


def test_another_version_on_a_node_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "errata_harness-9.9.9.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: errata-harness\nVersion: 9.9.9\n")
    old = executor(actors=1, runtime_env={"env_vars": {"PYTHONPATH": str(tmp_path)}})

    async def one(item: int) -> int:
        return item

    with pytest.raises(RunError, match=r"has errata-harness 9\.9\.9, and this run") as raised:
        in_order(old, one, range(4))
    assert "same one on every node" in raised.value.hint


def test_a_cluster_without_a_free_core_is_not_waited_for_for_ever() -> None:
    async def one(item: int) -> int:
        return item

    with pytest.raises(RunError, match=r"no process of the cluster has answered for 0\.5 s"):
        in_order(executor(actors=1, cpus=1000.0, start_seconds=0.5), one, range(4))


def test_a_client_outside_the_cluster_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with pytest.raises(ConfigError, match="for clients outside the cluster"):
        connect(Options(address="ray://127.0.0.1:10001"))


def test_actors_ask_chat_models_through_the_run_with_its_cache_and_budget(
    play: Play, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(text=f"I want order {len(str(asked.turns))} please. ###STOP###")

    with ChatServer("openai", answer) as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
        parts = parts_of(simulator="openai:some-model")
        parts.check(training=False)
        jobs = jobs_of(parts, 6)
        episodes = play(parts, jobs)
        sent = len(server.asked)
        assert episodes == play(parts, jobs, here=True)
        assert len(server.asked) == sent
        spent = parts.calls.counts()["user"]
        assert isinstance(spent, dict)
        assert spent["attempts"] == sent
        assert spent["cache_hits"] == sent
        poor = parts_of(simulator="openai:some-model", cache="off", budget_tokens=1)
        poor.check(training=False)
        with pytest.raises(BudgetSpent, match="the budget for chat models is spent"):
            play(poor, jobs)


def tiny_parts() -> Components:
    """A run whose policy is a small model without training, in one actor: each imports torch."""
    shape = {"base": "untrained", "hidden": 32, "feedforward": 48, "layers": 2, "heads": 2}
    small = {**shape, "vocabulary": 1200, "tasks": 20, "max_new_tokens": 12}
    grpo = {"max_steps": 2, "tasks_per_step": 2, "num_generations": 2, "resamples": 0}
    return parts_of(
        policy="tiny",
        message_limit=6,
        temperature=1.0,
        options={"tiny": small, "grpo": {**grpo, "learning_rate": 1e-2}, "ray": {"actors": 1}},
    )


def test_actors_are_clients_of_the_run_s_vllm_server(play: Play, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra [train]")
    from tests.plugins.vllm.conftest import LITTLE, changed
    from tests.plugins.vllm.loopback import VllmServer

    small = {"base": "untrained", **LITTLE, "max_new_tokens": 8}
    made = parts_of("asyncio", policy="tiny", options={"tiny": small}).trainable(folder=tmp_path)
    made.save(tmp_path / "model")
    with VllmServer(tmp_path / "model") as server:
        client = {"model": str(tmp_path / "model"), "max_new_tokens": 8}
        parts = parts_of(
            policy=f"vllm:{server.url}",
            message_limit=6,
            options={"vllm": client, "ray": {"actors": 1}},
        )
        policy, jobs = parts.trainable(), jobs_of(parts, 4)
        for _ in range(2):
            there, here = (
                play(parts, jobs, policy=policy, keep_tokens=True, here=here)
                for here in (False, True)
            )
            assert [one.trajectory for one in there] == [one.trajectory for one in here]
            pairs = [(a.tokens, b.tokens) for a, b in zip(there, here, strict=True)]
            assert all(a and b and a.ids.tolist() == b.ids.tolist() for a, b in pairs)
            assert {span.version for a, _ in pairs if a for span in a.versions} == {server.version}
            changed(policy.model)
            policy.weights_changed()


@pytest.mark.slow
def test_a_policy_in_the_process_takes_its_weights_along(play: Play) -> None:
    pytest.importorskip("torch", reason="needs the extra [train]")
    parts = tiny_parts()
    policy = parts.policy()
    jobs = jobs_of(parts, 6)
    had = [play(parts, jobs, policy=policy, keep_tokens=True, here=here) for here in (False, True)]
    for there, here in zip(*had, strict=True):
        assert there.trajectory == here.trajectory
        assert there.tokens is not None
        assert here.tokens is not None
        assert there.tokens.ids.tolist() == here.tokens.ids.tolist()
        assert there.tokens.versions == here.tokens.versions
        assert abs(there.tokens.logprobs - here.tokens.logprobs).max() < 1e-4


def test_each_step_of_reinforcement_samples_from_the_weights_that_the_last_one_left(
    tmp_path: Path,
) -> None:
    pytest.importorskip("trl", reason="needs the extra [train]")
    parts = tiny_parts()
    policy = parts.trainable()
    versions: list[str] = []

    def rollouts(policy: Any, jobs: Any, *, guided: int = 0) -> list[Episode]:
        listed = [RolloutJob(task=task, trial=trial, seed=seed) for task, trial, seed in jobs]
        episodes = run_rollouts(listed, policy, parts.setup, parts.executor, keep_tokens=True)
        traces = [episode.tokens for episode in episodes if episode.tokens is not None]
        versions.extend(span.version for trace in traces for span in trace.versions)
        # Something to learn from a policy that can do nothing.
        paid = [replace(e.score, total=float(n % 2)) for n, e in enumerate(episodes)]
        return [replace(e, score=score) for e, score in zip(episodes, paid, strict=True)]

    job = TrainingJob(
        policy=policy,
        domain=parts.domain,
        rollouts=rollouts,
        seed=1,
        folder=tmp_path,
        progress=lambda step, steps, metrics: None,
        tasks=parts.domain.tasks("train")[:4],
        weights=(),
    )
    curve: Any = parts.trainer("grpo").train(job)["curve"]
    gaps = [point["sampler_gap_max"] for point in curve if "sampler_gap_max" in point]
    assert len(gaps) >= 2
    assert max(gaps) < 1e-3
    assert len(set(versions)) == 2


def test_the_gates_with_conversations_play_theirs_on_the_cluster() -> None:
    def trials(name: str) -> list[Any]:
        parts = parts_of(name)
        runner = TrialRunner(
            policy=parts.policy(),
            setup=parts.setup,
            executor=parts.executor,
            judge=parts.judge,
            seed=1,
        )
        tasks = parts.domain.tasks("train")[:8]

        async def run() -> None:
            await runner.run(tasks, range(2))
            await runner.explain(tasks)

        asyncio.run(run())
        return [runner.of(task) for task in tasks]

    assert trials("ray") == trials("asyncio")
