"""How often a conversation of the tiny policy differs when other conversations share its batch, and
what it costs that it does not.

    python benchmarks/batch_invariance.py [--conversations N] [--splits S] [--json]

The same conversations are had all at once, and again in random parts, as a run that was stopped and
resumed has them: with the usual arithmetic and with the exact one. Times are CPU times.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

import torch

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import RolloutJob, Settings
from harness.types import Episode, stable_seed
from harness_asyncio.executor import AsyncioExecutor
from harness_local.policy import LocalPolicy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=48)
    parser.add_argument("--splits", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = {
        name: measure(exact=exact, count=given.conversations, splits=given.splits)
        for name, exact in (("fast", False), ("exact", True))
    }
    found["slower"] = {"times": round(found["exact"]["cpu_s"] / found["fast"]["cpu_s"], 2)}
    print(json.dumps(found, indent=2, allow_nan=False))


def measure(*, exact: bool, count: int, splits: int) -> dict[str, Any]:
    """Conversations that differ, of how many that were had again; tokens of the agent; seconds."""
    parts = Components(load_config(preset="default"), open_registry())
    tasks = parts.domain.tasks("train")[:count]
    jobs = [
        RolloutJob(task=task, trial=0, seed=stable_seed("invariance", task.id)) for task in tasks
    ]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(domain=parts.domain, folder=Path(folder), options={"exact": exact})
        policy = parts.registry.make("policy", "tiny", settings)
        assert isinstance(policy, LocalPolicy)
        policy.set_temperature(1.0)
        executor = AsyncioExecutor(count)

        def had(some: list[RolloutJob]) -> dict[str, Episode]:
            episodes = run_rollouts(some, policy, parts.setup, executor, keep_tokens=True)
            return {episode.task.id: episode for episode in episodes}

        began = process_time()
        whole = had(jobs)
        seconds = process_time() - began
        differing = again = tokens = 0
        worst = 0.0
        for split in range(splits):
            draw = random.Random(split)
            part = draw.sample(jobs, draw.randrange(1, len(jobs)))
            for task_id, episode in had(part).items():
                again += 1
                before = whole[task_id]
                tokens += int(before.tokens.sampled.sum()) if before.tokens else 0
                if episode.trajectory != before.trajectory:
                    differing += 1
                elif episode.tokens is not None and before.tokens is not None:
                    gaps = abs(episode.tokens.logprobs - before.tokens.logprobs)
                    worst = max(worst, float(gaps.max(initial=0.0)))
    return {
        "had_again": again,
        "differing": differing,
        "tokens": tokens,
        "largest_logprob_gap": worst,
        "cpu_s": round(seconds, 2),
    }


if __name__ == "__main__":
    main()
