"""Train the tiny policy by imitation, from bases and with settings, and print what came of each.

    python benchmarks/base_model.py --seconds 60 120 240 360 --tasks 200 --json
    python benchmarks/base_model.py --seconds 120 --learning-rates 1e-3 2e-3 4e-3 --batch-sizes 8 16

One line for each combination: tokens trained on, held-out loss in nats per token of the agent, and
Pass^1 and Pass^4 in percent with 95% intervals over test tasks (4 trials at temperature 0.7).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from itertools import islice, product
from pathlib import Path

from passes import outcomes_on, passes, show

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.llm.roles import open_registry
from harness.protocols import Policy, Settings, TrainablePolicy, TrainingJob
from harness.training.demonstrations import demonstrations
from harness.types import Episode, Json, Task, stable_seed

HELD_OUT = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bases", nargs="+", default=["bundled"], help="or untrained, or folders")
    parser.add_argument("--seconds", type=float, nargs="+", default=[60, 120, 240, 360])
    parser.add_argument("--learning-rates", type=float, nargs="+", default=[0.0], help="0: preset")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[0], help="0: the preset's")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--domain", default="retail")
    parser.add_argument("--tasks", type=int, default=100, help="test tasks; 0: no Pass^k")
    parser.add_argument("--json", action="store_true", help="a JSON object a line")
    given = parser.parse_args()
    parts = Components(
        load_config(preset="default", flags={"domain": given.domain}), open_registry()
    )
    grid = product(given.bases, given.seconds, given.learning_rates, given.batch_sizes, given.seeds)
    for base, seconds, rate, size, seed in grid:
        options: dict[str, Json] = {**parts.config.options["sft"], "seconds": seconds}
        options |= {"max_steps": 10**6, "patience": 10**6}
        options |= {"learning_rate": rate} if rate else {}
        options |= {"batch_size": size} if size else {}
        row = measure(parts, base, options, seed=seed, tasks=given.tasks)
        print(json.dumps(row, allow_nan=False) if given.json else show(row), flush=True)


def measure(
    parts: Components, base: str, options: dict[str, Json], *, seed: int, tasks: int
) -> dict[str, Json]:
    """One training run, and what it led to."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(domain=parts.domain, folder=Path(folder), options={"base": base})
        policy = parts.registry.make("policy", "tiny", settings)
        assert isinstance(policy, TrainablePolicy)
        record = parts.registry.make("trainer", "sft", Settings(options=options)).train(
            TrainingJob(
                policy=policy,
                domain=parts.domain,
                rollouts=_no_rollouts,
                seed=seed,
                folder=Path(folder) / "scratch",
                progress=lambda *_: None,
                demonstrations=demonstrations(
                    parts.teacher, parts.setup, parts.executor, seed=seed
                ),
                held_out=_held_out(parts),
            )
        )
    shown = ("steps", "tokens", "tokens_per_second", "held_out_loss")
    return {
        "base": base,
        **{name: options.get(name) for name in ("seconds", "learning_rate", "batch_size")},
        "seed": seed,
        **{name: record[name] for name in shown},
        **(passes(outcomes_on(parts, policy, "test", tasks)) if tasks else {}),
    }


def _held_out(parts: Components) -> list[Episode]:
    seed = stable_seed("held out")
    return list(
        islice(demonstrations(parts.teacher, parts.setup, parts.executor, seed=seed), HELD_OUT)
    )


def _no_rollouts(policy: Policy, jobs: Sequence[tuple[Task, int, int]]) -> Sequence[Episode]:
    raise AssertionError("imitation needs no rollouts")


if __name__ == "__main__":
    main()
