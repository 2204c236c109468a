"""Count what a policy does on the easy path, by kind of request: whether SFT has taught it.

    python benchmarks/easy_path.py RUN/checkpoints/sft/model --domain airline [--tasks N] [--seed N]

One conversation with the scripted user on each of ``--tasks`` plain validation tasks of one
request. Kinds that end in a refusal or a transfer are rows of their own. ``POLICY`` is anything
that ``--policy`` takes. With ``--json`` the counts as JSON.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from over_seeds import as_json

from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import RolloutJob, RolloutSetup, Settings
from harness.types import Json, Recipe, Task


def main(arguments: Sequence[str] | None = None) -> None:
    """Play the tasks, and print successes and tasks of each kind."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("policy")
    parser.add_argument("--domain", default="retail")
    parser.add_argument("--tasks", type=int, default=400)
    parser.add_argument("--seed", type=int, default=99)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    found = measure(options.policy, options.domain, tasks=options.tasks, seed=options.seed)
    rows = [f"{kind:30}{done:5} of {count}" for kind, (done, count) in found.items()]
    plain: dict[str, Json] = {kind: [*counts] for kind, counts in found.items()}
    sys.stdout.write((as_json(plain) if options.json else "\n".join(rows)) + "\n")


def measure(policy: str, name: str, *, tasks: int, seed: int) -> dict[str, tuple[int, int]]:
    """Successes and tasks of each kind of request, and of "all"."""
    registry = open_registry()
    domain = registry.make("domain", name, Settings())
    agent = registry.make("policy", policy, Settings(domain=domain))
    user = registry.make("user simulator", "scripted", Settings())
    recipe = Recipe(split="validation", plain=True, requests=1)
    jobs = [
        RolloutJob(task=task, trial=0, seed=seed)
        for task in islice(domain.generate(seed, recipe), tasks)
    ]
    executor = registry.make("executor", "asyncio", Settings())
    episodes = run_rollouts(jobs, agent, RolloutSetup(domain=domain, user=user), executor)
    count = Counter(_kind(episode.task) for episode in episodes)
    done = Counter(_kind(episode.task) for episode in episodes if episode.score.success)
    by_kind = {kind: (done[kind], count[kind]) for kind in sorted(count)}
    return {**by_kind, "all": (done.total(), count.total())}


def _kind(task: Task) -> str:
    (request,) = task.scenario.requests
    return request.kind if request.outcome == "done" else f"{request.kind}, {request.outcome}"


if __name__ == "__main__":
    main()
