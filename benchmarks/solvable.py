"""Count generated tasks that can be done: solved, with one outcome, done by scripted agents.

    python benchmarks/solvable.py --domain airline [--tasks N] [--talks N] [--seed N] [--json]

``solved``: the domain's solver reaches the gold state from the customer's words; ``one_outcome``:
the words, the records and the policy leave only the gold outcome open. Of the first ``--talks``
tasks the expert talks with the scripted user (``expert``), and an agent that does nothing
(``noop``): what that passes must be refused.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import islice

from over_seeds import as_json

from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import Domain, RolloutJob, RolloutSetup, Settings
from harness.types import Changes, Recipe, Task, ToolCall


def main(arguments: Sequence[str] | None = None) -> None:
    """Count, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--domain", default="retail")
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--talks", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    domain = open_registry().make("domain", options.domain, Settings())
    found = measure(domain, tasks=options.tasks, talks=options.talks, seed=options.seed)
    text = as_json(found) if options.json else "\n".join(f"{k:20}{v}" for k, v in found.items())
    sys.stdout.write(text + "\n")


def measure(domain: Domain, *, tasks: int, talks: int, seed: int) -> dict[str, int]:
    """The counts by name."""
    counts = {"tasks": 0, "solved": 0, "one_outcome": 0}
    first: list[Task] = []
    for task in islice(domain.generate(seed, Recipe()), tasks):
        counts["tasks"] += 1
        counts["solved"] += domain.solve(task) is not None
        counts["one_outcome"] += _has_one_outcome(domain, task)
        if len(first) < talks:
            first.append(task)
    passed = {name: _passed(domain, name, first, seed) for name in ("expert", "noop")}
    wanted = [t for t in passed["noop"] if any(r.outcome != "refused" for r in t.scenario.requests)]
    return {
        **counts,
        "talks": len(first),
        "expert": len(passed["expert"]),
        "noop": len(passed["noop"]),
        "noop_not_refusals": len(wanted),
    }


def _has_one_outcome(domain: Domain, task: Task) -> bool:
    found = list(domain.readings(task))
    return len(found) == 1 and _effect(domain, task, found[0]) == _effect(domain, task, task.gold)


def _effect(domain: Domain, task: Task, calls: Sequence[ToolCall]) -> Changes:
    world = domain.open(task)
    for call in calls:
        world.call(call)
    return world.changes()


def _passed(domain: Domain, policy: str, tasks: Sequence[Task], seed: int) -> list[Task]:
    """The tasks that the policy does in one conversation with the scripted user."""
    registry = open_registry()
    agent = registry.make("policy", policy, Settings(domain=domain))
    user = registry.make("user simulator", "scripted", Settings())
    jobs = [RolloutJob(task=task, trial=0, seed=seed) for task in tasks]
    executor = registry.make("executor", "asyncio", Settings())
    episodes = run_rollouts(jobs, agent, RolloutSetup(domain=domain, user=user), executor)
    return [episode.task for episode in episodes if episode.score.success]


if __name__ == "__main__":
    main()
