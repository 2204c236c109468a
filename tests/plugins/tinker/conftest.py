"""A small model of the retail domain, a server that has it, and a run that trains it there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import Policy, RolloutJob, TrainingJob
from harness.training.demonstrations import train_tasks
from harness.types import Checkpoint, Episode, Task, stable_seed
from harness_local.tiny import Shape, build_tiny
from harness_tinker.remote import Place, RemoteModel
from harness_tinker.server import Server

from .loopback import TinkerServer

LITTLE = {"tasks": 20, "hidden": 32, "feedforward": 64, "layers": 2, "heads": 2, "vocabulary": 600}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base model, its tokenizer and codec."""
    parts = Components(load_config(preset="quick", flags={"domain": "retail"}), open_registry())
    made = tmp_path_factory.mktemp("tinker") / "base"
    return build_tiny(made, parts.domain, Shape(**LITTLE), seed=0)


@pytest.fixture
def server(folder: Path) -> Iterator[TinkerServer]:
    with TinkerServer(AutoModelForCausalLM.from_pretrained(folder), str(folder)) as running:
        yield running


Parts = Callable[..., Components]


@pytest.fixture
def parts(folder: Path, server: TinkerServer) -> Parts:
    def made(**options: Any) -> Components:
        table = {"url": server.url, "rank": 4, "max_new_tokens": 8, "max_context": 4000, **options}
        flags = {
            "domain": "retail",
            "policy": f"tinker:{folder}",
            "executor": "asyncio",
            "message_limit": 40,
            "temperature": 1.0,
            "options": {"tinker": table},
        }
        return Components(load_config(preset="quick", flags=flags), open_registry())

    return made


@pytest.fixture
def remote(folder: Path, parts: Parts) -> RemoteModel:
    """A model on the server, without a policy around it."""
    from harness_tinker.options import ServerOptions

    table: Any = parts().config.options["tinker"]
    options = ServerOptions(**table)
    return RemoteModel(Server(options), Place(base_model=str(folder), rank=4, seed=1))


def rollouts_of(parts: Components) -> Callable[..., Sequence[Episode]]:
    def rollouts(
        policy: Policy, jobs: Sequence[tuple[Task, int, int]], *, guided: int = 0
    ) -> Sequence[Episode]:
        listed = [
            RolloutJob(task=task, trial=trial, seed=seed, user_seed=stable_seed("user", task.id))
            for task, trial, seed in jobs
        ]
        return run_rollouts(listed, policy, parts.setup, parts.executor, keep_tokens=True)

    return rollouts


def some_tasks(parts: Components, count: int) -> list[Task]:
    return list(islice(train_tasks(parts.setup, 1, 1.0), count))


def shows(parts: Components, tasks: Sequence[Task]) -> list[Episode]:
    """The teacher's successful conversations on the tasks."""
    played = rollouts_of(parts)(parts.teacher, [(task, 0, 1) for task in tasks])
    return [episode for episode in played if episode.score.success]


def job_of(parts: Components, policy: Any, folder: Path, **given: Any) -> TrainingJob:
    return TrainingJob(
        policy=policy,
        domain=parts.domain,
        rollouts=rollouts_of(parts),
        seed=1,
        folder=folder,
        progress=given.pop("progress", lambda step, steps, metrics: None),
        **given,
    )


def opened(parts: Components, path: Path) -> Any:
    """The policy of a checkpoint."""
    return parts.trainable(Checkpoint(id="kept", policy=parts.config.policy, path=str(path)))
