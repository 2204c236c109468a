"""A small model of the retail domain, servers that have it, and policies sampled there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import RolloutJob, Settings
from harness.training.demonstrations import train_tasks
from harness.types import Checkpoint, Episode, stable_seed
from harness_local.tiny import Shape, build_tiny
from harness_vllm.policy import VllmPolicy

from .loopback import VllmServer

LITTLE = {"tasks": 20, "hidden": 32, "feedforward": 64, "layers": 2, "heads": 2, "vocabulary": 600}


@pytest.fixture(scope="session")
def parts() -> Components:
    flags = {"domain": "retail", "executor": "asyncio", "message_limit": 8}
    return Components(load_config(preset="quick", flags=flags), open_registry())


@pytest.fixture(scope="session")
def folder(parts: Components, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with tied embeddings, its tokenizer and codec."""
    made = tmp_path_factory.mktemp("vllm") / "base"
    return build_tiny(made, parts.domain, Shape(**LITTLE), seed=0)


@pytest.fixture
def server(folder: Path) -> Iterator[VllmServer]:
    with VllmServer(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_servers_of_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port may be used again."""
    monkeypatch.setattr("harness_vllm.fleet._FLEETS", {})


Opened = Callable[..., VllmPolicy]


@pytest.fixture
def opened(folder: Path) -> Opened:
    """The policy of the folder behind the servers, or as the argument says."""

    def made(
        *servers: VllmServer,
        argument: str = "",
        checkpoint: Checkpoint | None = None,
        **options: Any,
    ) -> Any:
        from harness_vllm.opening import vllm_policy

        usual: dict[str, Any] = {"max_new_tokens": 8, "max_context": 4000, "temperature": 0.7}
        if servers:
            usual |= {"model": str(folder), "urls": [one.url for one in servers[1:]]}
        table = {**usual, **options}
        argument = argument or servers[0].url
        return vllm_policy(Settings(argument=argument, options=table, checkpoint=checkpoint))

    return made


def play(parts: Components, policy: Any, count: int = 2) -> list[Episode]:
    """Conversations on so many tasks, with their tokens."""
    jobs = [
        RolloutJob(task=task, trial=0, seed=7, user_seed=stable_seed("user", task.id))
        for task in islice(train_tasks(parts.setup, 1, 1.0), count)
    ]
    return list(run_rollouts(jobs, policy, parts.setup, parts.executor, keep_tokens=True))


def sampled(policy: Any, conversation: str, ids: list[int], seed: int = 3) -> Any:
    return asyncio.run(policy._sampler.turn(conversation, ids, seed=seed))


def gap(model: Any, episodes: list[Episode], temperature: float) -> float:
    """The largest distance in nats from one forward pass over each whole conversation."""
    worst, seen = 0.0, 0
    for episode in episodes:
        trace = episode.tokens
        assert trace is not None
        with torch.no_grad():
            logits = model(torch.tensor(trace.ids)[None]).logits[0, :-1] / temperature
        known = logits.log_softmax(-1).gather(1, torch.tensor(trace.ids)[1:, None])[:, 0].numpy()
        where = trace.sampled[1:]
        seen += int(where.sum())
        worst = max(worst, float(np.abs(known - trace.logprobs[1:])[where].max()))
    assert seen > 10
    return worst


def changed(model: Any, by: float = 0.05) -> None:
    """Move all weights, embeddings included."""
    dice = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight += by * torch.randn(weight.shape, generator=dice)
