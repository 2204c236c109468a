"""Rounds of the loop whose turns vLLM samples: run by the command, and compared.

The other benchmarks that need vLLM share this; it is no program of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

ARM = "rl-1"
"""The arm that a round ends with."""

_SETTINGS = """\
preset = "quick"
domain = "retail"
policy = "vllm:{folder}"
seed = {seed}
control = "none"
keep_tokens = true
message_limit = 30
validation_tasks = 12
test_tasks = {tasks}
test_trials = 1
targeted_tasks = 8
held_out_demonstrations = 1

[options.vllm]
python = "{python}"
max_new_tokens = 128
arguments = {arguments}

[options.sft]
cpu_seconds = 1e9
max_steps = 1
batch_size = 2
learning_rate = 1e-5

[options.warm_start]
cpu_seconds = 1e9
max_steps = 1
batch_size = 2
learning_rate = 1e-5

[options.grpo]
max_steps = {steps}
tasks_per_step = 4
num_generations = 4
save_steps = 1
"""


@dataclass(frozen=True, kw_only=True)
class Size:
    """``folder``: a checkpoint; ``python``: that can import vLLM; ``steps`` of GRPO, ``tasks`` of
    each evaluation on test tasks; ``arguments`` of the server.
    """

    folder: Path
    python: str
    steps: int = 3
    tasks: int = 8
    seed: int = 1
    arguments: Sequence[str] = ()

    def command(self, out: Path, *more: str) -> list[str]:
        """The command that makes a round in the folder ``out``."""
        file = out.with_suffix(".toml")
        file.write_text(
            _SETTINGS.format(
                folder=self.folder.resolve(),
                python=self.python,
                steps=self.steps,
                tasks=self.tasks,
                seed=self.seed,
                arguments=json.dumps(list(self.arguments), allow_nan=False),
            )
        )
        return [*harness("loop"), "--config", str(file), "--out", str(out), *more]


def harness(*words: str) -> list[str]:
    return [sys.executable, "-m", "harness", *words]


ON_RAY = ("--executor", "ray", "--option", "ray.address=auto", "--option", "ray.actors=2")
"""Flags for rollouts on the cluster that RAY_ADDRESS names."""


def environment() -> dict[str, str]:
    """One thread and a small cache, unless the caller wants it otherwise."""
    return {"OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "1", **os.environ}


def run(command: Sequence[str]) -> None:
    """Run a command; its last words end this program if it fails."""
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-3000:]}")


def curve(out: Path) -> list[dict[str, Any]]:
    """A point for each step of GRPO."""
    record = json.loads((out / "checkpoints" / ARM / "checkpoint.json").read_text())["record"]
    points: list[dict[str, Any]] = record["curve"]
    return points


def gaps(out: Path) -> list[float]:
    """The largest distance between sampler and trainer in each step, in nats."""
    return [point["sampler_gap_max"] for point in curve(out) if "sampler_gap_max" in point]


def rows(out: Path, pattern: str) -> Iterator[dict[str, Any]]:
    for file in sorted(out.rglob(pattern)):
        for line in file.read_text().splitlines():
            yield json.loads(line)


def compared(one: Path, other: Path) -> dict[str, Any]:
    """How far two runs are apart: conversations that differ, tokens that were sampled in both and
    the largest distances of log-probabilities (nats), losses, KL and weights.
    """
    ours, theirs = _tokens(one), _tokens(other)
    shared = [(ours[name], theirs[name]) for name in ours.keys() & theirs.keys()]
    same = [(a, b) for a, b in shared if a[0] == b[0]]
    said = [np.abs(np.subtract(a[1], b[1])).max(initial=0.0) for a, b in same]
    return {
        "conversations": len(ours),
        "conversations_equal": len(same),
        "tokens": sum(len(ids) for ids, _ in ours.values()),
        "rollouts_equal": list(_rewards(one)) == list(_rewards(other)),
        "logprobs_apart": float(max(said, default=0.0)),
        **{f"{name}_apart": _apart(curve(one), curve(other), name) for name in CURVES},
        "weights_apart": weights_apart(one, other),
    }


CURVES = ("reward", "loss", "kl", "grad_norm")


def _apart(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]], of: str) -> Any:
    """None where one has more steps than the other."""
    if len(ours) != len(theirs):
        return None
    pairs = zip(ours, theirs, strict=True)
    return max((abs(a.get(of, 0.0) - b.get(of, 0.0)) for a, b in pairs), default=0.0)


def weights_apart(one: Path, other: Path) -> float:
    """The largest difference of a weight after the round."""
    ours, theirs = (
        load_file(out / "checkpoints" / ARM / "model" / "model.safetensors") for out in (one, other)
    )
    return max(float(np.abs(ours[name] - theirs[name]).max()) for name in ours)


def _rewards(out: Path) -> Iterator[tuple[Any, ...]]:
    """Of each rollout that was trained on."""
    for row in rows(out, "rollouts.jsonl"):
        yield row["step"], row["group"], row["trajectory_id"], row["total"], row["ended"]


def _tokens(out: Path) -> dict[str, tuple[list[int], list[float]]]:
    """Ids and log-probabilities of all that was sampled in each conversation, by its place."""
    found = {}
    for file in sorted(out.rglob("tokens.jsonl")):
        for number, line in enumerate(file.read_text().splitlines()):
            row = json.loads(line)
            ids = [row["ids"][place] for turn in row["turns"] for place in turn["tokens"]]
            logprobs = [value / 1000 for turn in row["turns"] for value in turn["millinats"]]
            found[f"{file.relative_to(out)} {number}"] = ids, logprobs
    return found
