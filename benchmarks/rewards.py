"""Time what the reward costs: scoring conversations, and ablating stored rollouts.

    python benchmarks/rewards.py [--json] [--conversations 10000] [--rollouts 2000]

Conversations of `noisy:0.5` on retail tasks are had once and then scored again and again, each time
as if new, with every installed reward term that needs no option. Rollouts are an evaluation of such
conversations in a run folder, eight of a task, ablated as `harness ablate` does, reading included.
Times are CPU seconds of this process on one core.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.assembly.registry import Registry
from harness.evaluation.rollout import run_rollouts
from harness.evaluation.scoring import score
from harness.evaluation.station import evaluate_policy
from harness.llm.roles import open_registry
from harness.protocols import RolloutJob
from harness.run_folder import RunFolder
from harness.training.reward_ablation import Rule, ablate, alone, dropped, stored_groups
from harness.types import Json

DISTINCT = 400
"""Conversations that differ."""

TRIALS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=10_000)
    parser.add_argument("--rollouts", type=int, default=2_000)
    parser.add_argument("--json", action="store_true", help="Print the figures as JSON.")
    arguments = parser.parse_args()
    registry = open_registry()
    every = dict.fromkeys(registry.names("reward term"), 0.1)
    figures = {
        "scoring, default reward": scoring(registry, {}, arguments.conversations),
        "scoring, every term": scoring(registry, every, arguments.conversations),
        "ablation": ablation(registry, arguments.rollouts),
    }
    if arguments.json:
        print(json.dumps(figures, indent=2, allow_nan=False))
        return
    for name, figure in figures.items():
        print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in figure.items()))


def scoring(registry: Registry, rewards: dict[str, float], count: int) -> dict[str, Json]:
    """CPU seconds for scoring so many conversations with their grades known."""
    flags = {"domain": "retail", "executor": "asyncio", "rewards": rewards or None}
    parts = Components(load_config(flags=flags), registry)
    tasks = islice(cycle(parts.domain.tasks("train")), DISTINCT)
    jobs = [RolloutJob(task=task, trial=n, seed=n) for n, task in enumerate(tasks)]
    episodes = run_rollouts(jobs, parts.named_policy("noisy:0.5"), parts.setup, parts.executor)

    def work() -> None:
        for episode in islice(cycle(episodes), count):
            score(episode.trajectory, episode.grade, episode.task, parts.terms)

    return {"terms": len(parts.terms), "conversations": count, "cpu_seconds": cpu(work)}


def ablation(registry: Registry, count: int) -> dict[str, Json]:
    """CPU seconds for every term left out and alone, on so many stored rollouts."""
    sizes = {"test_tasks": min(200, -(-count // TRIALS)), "test_trials": TRIALS}
    trials = -(-count // int(sizes["test_tasks"]))
    flags = {"domain": "retail", "executor": "asyncio", **sizes, "test_trials": trials}
    config = load_config(flags=flags)
    with tempfile.TemporaryDirectory() as scratch:
        parts, store = (
            Components(config, registry),
            RunFolder.create(Path(scratch) / "run", config.plain()),
        )
        evaluate_policy(parts, store, parts.named_policy("noisy:0.5"), "policy", "test")
        weights, found = config.rewards, {}

        def work() -> None:
            groups = stored_groups(store)
            variants = [*dropped(weights), *alone(weights)]
            found["result"] = ablate(groups, weights, variants, Rule())

        seconds = cpu(work)
    result = found["result"]
    return {
        "rollouts": result.groups.rollouts,
        "rewards": len(result.effects),
        "cpu_seconds": seconds,
    }


def cpu(work: Callable[[], None]) -> float:
    started = time.process_time()
    work()
    return round(time.process_time() - started, 2)


if __name__ == "__main__":
    main()
