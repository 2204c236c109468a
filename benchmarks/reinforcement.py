"""Train a policy with GRPO at several settings, and print what each did to Pass^k.

    python benchmarks/reinforcement.py RUN/checkpoints/sft/model --learning-rates 1e-4 3e-4 1e-3
    python benchmarks/reinforcement.py FOLDER --groups 12x8 6x16 --steps 10 20 --seeds 0 1 --json

One line for each combination, in turn from the same checkpoint and on the same untargeted tasks:
success over the first and the last fifth of the steps, Pass^1 and Pass^4 on validation tasks (4
trials at temperature 0.7), and how much higher they are than at the start (paired by task; percent,
95% intervals). Test tasks are not touched: settings are chosen by these figures.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import islice, product
from pathlib import Path
from statistics import fmean
from typing import Any

from passes import outcomes_on, passes, plain, show

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.evaluation.metrics import Outcome, paired_difference
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import Policy, RolloutJob, Settings, TrainablePolicy, TrainingJob
from harness.types import Episode, Json, Recipe, Task, stable_seed

PARTS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="the checkpoint folder to start from")
    parser.add_argument("--learning-rates", type=float, nargs="+", default=[3e-4])
    parser.add_argument(
        "--groups", nargs="+", default=["12x8"], help="tasks a step x rollouts each"
    )
    parser.add_argument("--steps", type=int, nargs="+", default=[20])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE")
    parser.add_argument("--domain", default="retail")
    parser.add_argument("--pool", type=int, default=300, help="generated tasks to train on")
    parser.add_argument("--tasks", type=int, default=100, help="validation tasks")
    parser.add_argument("--json", action="store_true", help="a JSON object a line")
    given = parser.parse_args()
    parts = Components(
        load_config(preset="default", flags={"domain": given.domain}), open_registry()
    )
    more = dict(_option(text) for text in given.set)
    before = outcomes_on(parts, _policy(parts, given.model), "validation", given.tasks)
    row = {"start": given.model, **passes(before)}
    print(json.dumps(row, allow_nan=False) if given.json else show(row), flush=True)
    grid = product(given.learning_rates, given.groups, given.steps, given.seeds)
    for rate, groups, steps, seed in grid:
        tasks, size = map(int, groups.split("x"))
        options = {
            **parts.config.options["grpo"],
            "learning_rate": rate,
            "max_steps": steps,
            **more,
        }
        options |= {"tasks_per_step": tasks, "num_generations": size}
        policy = _policy(parts, given.model)
        row = {"learning_rate": rate, "groups": groups, "seed": seed, **more}
        row |= _train(parts, policy, options, seed=seed, pool=given.pool)
        row |= _gain(before, outcomes_on(parts, policy, "validation", given.tasks))
        print(json.dumps(row, allow_nan=False) if given.json else show(row), flush=True)


def _train(
    parts: Components, policy: TrainablePolicy, options: Mapping[str, Json], *, seed: int, pool: int
) -> dict[str, Json]:
    def rollouts(policy: Policy, jobs: Sequence[tuple[Task, int, int]]) -> list[Episode]:
        listed = [
            RolloutJob(task=task, trial=trial, seed=seed, user_seed=stable_seed("user", task.id))
            for task, trial, seed in jobs
        ]
        return run_rollouts(listed, policy, parts.setup, parts.executor, keep_tokens=True)

    tasks = parts.domain.generate(stable_seed("reinforcement", seed), Recipe(split="train"))
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        record: Mapping[str, Any] = parts.registry.make(
            "trainer", "grpo", Settings(options=options)
        ).train(
            TrainingJob(
                policy=policy,
                domain=parts.domain,
                rollouts=rollouts,
                seed=seed,
                folder=Path(folder),
                progress=lambda *_: None,
                tasks=list(islice(tasks, pool)),
            )
        )
    success = [100 * point["success"] for point in record["curve"] if "success" in point]
    some = max(1, len(success) // PARTS)
    return {
        "steps": record["steps"],
        "seconds": round(time.monotonic() - started),
        "stopped_because": record["stopped_because"],
        "success_first": round(fmean(success[:some]), 1),
        "success_last": round(fmean(success[-some:]), 1),
    }


def _gain(before: Sequence[Outcome], after: Sequence[Outcome]) -> dict[str, Json]:
    gains = {f"gain_{k}": plain(paired_difference(after, before, k)) for k in (1, 4)}
    return {**passes(after), **gains}


def _policy(parts: Components, model: str) -> TrainablePolicy:
    table = parts.config.options.get("tiny", {})
    shared = {name: table[name] for name in ("slots", "max_context") if name in table}
    policy = parts.registry.make("policy", f"path:{model}", Settings(options=shared))
    assert isinstance(policy, TrainablePolicy)
    return policy


def _option(text: str) -> tuple[str, Json]:
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


if __name__ == "__main__":
    main()
