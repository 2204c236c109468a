"""One small cluster for all tests of the executor, and a run whose rollouts go through it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import Policy, RolloutJob
from harness.types import Episode

Play = Callable[..., list[Episode]]


@pytest.fixture(scope="package")
def cluster() -> Iterator[None]:
    """Four cores of this machine, however many it has."""
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(
        address="local",
        num_cpus=4,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
        object_store_memory=80_000_000,
    )
    yield
    ray.shutdown()


def parts_of(executor: str = "ray", **flags: Any) -> Components:
    """A run on the retail domain, with two actors unless the options say otherwise."""
    options = dict(flags.pop("options", {}))
    if executor == "ray":
        options["ray"] = {"actors": 2, "concurrency": 16, **options.get("ray", {})}
    known = {"domain": "retail", "policy": "noisy:0.5", **flags}
    config = load_config(preset="quick", flags={**known, "executor": executor, "options": options})
    return Components(config, open_registry())


def jobs_of(parts: Components, count: int) -> list[RolloutJob]:
    tasks = parts.domain.tasks("test")
    return [
        RolloutJob(task=tasks[n % len(tasks)], trial=n // len(tasks), seed=n) for n in range(count)
    ]


@pytest.fixture
def play() -> Play:
    """Play jobs of a run through its executor or another."""

    def played(
        parts: Components,
        jobs: Sequence[RolloutJob],
        *,
        policy: Policy | None = None,
        here: bool = False,
        **more: Any,
    ) -> list[Episode]:
        executor = parts_of("asyncio").executor if here else parts.executor
        return run_rollouts(jobs, policy or parts.policy(), parts.setup, executor, **more)

    return played
