"""Turn the tiny policy at work into speeds: rollouts, a GRPO step, imitation, beside their limits.

    python benchmarks/policy.py [--quick] [--step-alone] [--json] [--base FOLDER] [--repeats R]

A policy is made for the retail domain and taught for a while: that measures imitation;
all else is measured with what it has become. Times are CPU times on one core, but those of a GRPO
step and where two cores are compared with one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import islice
from pathlib import Path
from statistics import fmean, median
from time import perf_counter, process_time
from typing import Any

import torch
from flops import flops_per_token, gemm_flops
from grpo_step import CROWD, measure_step
from plain_generate import plain_policy
from policy_table import table
from rich.console import Console
from stopwatch import Stopwatch

import harness_local.sampler
from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import Executor, Policy, RolloutJob, Settings, TrainingJob
from harness.training.demonstrations import demonstrations
from harness.types import Episode, Recipe, Task, stable_seed
from harness_asyncio.executor import AsyncioExecutor
from harness_asyncio.forking import ForkExecutor
from harness_local.compact import CompactTranscript
from harness_local.folders import quiet
from harness_local.policy import LocalPolicy
from harness_local.sampler import Limits, Sampler

TEMPERATURE = 1.0
FEW = 8
"""Conversations open at once where another batch is to give the same turns."""


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """How much is measured. A GRPO step plays ``tasks`` times ``group`` rollouts."""

    sft_seconds: float = 90.0
    tasks: int = 12
    group: int = 8
    repeats: int = 2
    rollouts: bool = True
    processes: bool = True


QUICK = Amounts(sft_seconds=4.0, tasks=2, group=2, repeats=1, processes=False)


# --- what is measured -----------------------------------------------------------------------------


def measure(base: str, amounts: Amounts) -> dict[str, Any]:
    """All figures by name."""
    parts = Components(load_config(preset="default"), open_registry())
    with tempfile.TemporaryDirectory() as folder:
        policy = tiny(parts, base, Path(folder))
        found = {
            "base": base if base in ("bundled", "untrained") else "folder",
            "parameters": policy.model.num_parameters(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "cores": os.cpu_count(),
            "load": round(os.getloadavg()[0], 1),
            "rollouts": amounts.tasks * amounts.group,
            **measure_imitation(parts, policy, Path(folder), amounts),
        }
        torch.set_num_threads(1)
        if amounts.rollouts:
            found |= measure_rollouts(parts, policy, amounts)
        if amounts.rollouts and amounts.processes:
            found |= measure_cores(parts, policy, amounts)
        return found | measure_step(
            parts,
            policy,
            Path(folder),
            tasks=train_tasks(parts, 2 * amounts.tasks),
            group=amounts.group,
            repeats=amounts.repeats,
        )


def tiny(parts: Components, base: str, folder: Path) -> LocalPolicy:
    """The policy for the domain, from its base."""
    settings = Settings(domain=parts.domain, folder=folder, options={"base": base})
    policy = parts.registry.make("policy", "tiny", settings)
    assert isinstance(policy, LocalPolicy)
    policy.set_temperature(TEMPERATURE)
    return policy


def measure_imitation(
    parts: Components, policy: LocalPolicy, folder: Path, amounts: Amounts
) -> dict[str, Any]:
    """Tokens a second of all cores, and the share of the matrix product's speed on one of them.

    All that training takes counts as its time: demonstrations, encoding, the trainer, the update.
    """

    def train(budget: Mapping[str, Any]) -> Mapping[str, Any]:
        trainer = parts.registry.make(
            "trainer", "sft", Settings(options={**parts.config.options["sft"], **budget})
        )
        shown = demonstrations(parts.teacher, parts.setup, parts.executor, seed=1)
        return trainer.train(training_job(parts, policy, folder, demonstrations=shown))

    train({"seconds": None, "max_steps": 1})  # imports
    before = gemm_flops()
    started, cpu = perf_counter(), process_time()
    record = train({"seconds": amounts.sft_seconds, "max_steps": 1_000_000})
    seconds, cpu = perf_counter() - started, process_time() - cpu
    after = gemm_flops()
    limits = {kind: fmean((before[kind], after[kind])) for kind in before}
    limit = limits["bfloat16" if record["bf16"] else "float32"]
    flops = flops_per_token(policy, parts) * record["tokens"]
    return {
        "sft_tokens_per_s": record["tokens"] / seconds,
        "sft_tokens_per_cpu_s": record["tokens"] / cpu,
        "sft_threads": record["threads"],
        "sft_bf16": record["bf16"],
        "sft_gflops_per_cpu_s": flops / cpu / 1e9,
        "gemm_gflops_per_cpu_s": {kind: limit / 1e9 for kind, limit in limits.items()},
        "sft_gemm_share": flops / cpu / limit,
        "sft_float32_gemm_share": flops / cpu / limits["float32"],
        "sft_loss": record["loss"],
    }


def measure_rollouts(parts: Components, policy: LocalPolicy, amounts: Amounts) -> dict[str, Any]:
    """Rollouts in a CPU second of one core, ours and those of ``model.generate``, in turns."""
    context = policy.model.config.max_position_embeddings
    limits = Limits(max_new_tokens=256, max_context=context, slots=CROWD)
    plain = plain_policy(policy, limits, temperature=TEMPERATURE)
    jobs = step_jobs(parts, amounts)
    ours: list[float] = []
    theirs: list[float] = []
    with quiet():
        for speaker in (policy, plain):
            play(parts, speaker, jobs[:4])
        for _ in range(amounts.repeats):
            seconds, episodes = play(parts, policy, jobs)
            ours.append(len(jobs) / seconds)
            seconds, plain_episodes = play(parts, plain, jobs)
            theirs.append(len(jobs) / seconds)
    return {
        "rollouts_per_s": median(ours),
        "plain_rollouts_per_s": median(theirs),
        "rollouts_ratio": median(o / t for o, t in zip(ours, theirs, strict=True)),
        "tokens_per_rollout": tokens_per_rollout(episodes),
        "plain_tokens_per_rollout": tokens_per_rollout(plain_episodes),
        "success": fmean(episode.score.success for episode in episodes),
        "time_shares": time_shares(parts, policy, jobs),
        **other_batches(parts, policy, jobs),
    }


def tokens_per_rollout(episodes: Sequence[Episode]) -> dict[str, float]:
    """Mean tokens of a conversation, and how many of them were sampled."""
    traces = [episode.tokens for episode in episodes if episode.tokens is not None]
    return {
        "all": fmean(len(trace.ids) for trace in traces),
        "sampled": fmean(int(trace.sampled.sum()) for trace in traces),
    }


def time_shares(
    parts: Components, policy: LocalPolicy, jobs: Sequence[RolloutJob]
) -> dict[str, float]:
    """What share of the rollouts' time goes where; "rest" is the event loop and bookkeeping."""
    watch, domain = Stopwatch(), parts.domain
    with watch.watching(
        ("model", Sampler, "_next_logits"),
        ("draw", harness_local.sampler, "draw"),
        ("codec", CompactTranscript, "context"),
        ("codec", CompactTranscript, "read"),
        ("user", type(parts.user), "reply"),
        ("domain", type(domain), "open"),
        ("domain", type(domain.open(jobs[0].task)), "call"),
        ("domain", type(domain), "grade"),
    ):
        seconds, _ = play(parts, policy, jobs)
    shares = {name: spent / seconds for name, spent in watch.seconds.items()}
    return {**shares, "rest": 1 - sum(shares.values())}


def other_batches(
    parts: Components, policy: LocalPolicy, jobs: Sequence[RolloutJob]
) -> dict[str, Any]:
    """How many rollouts with the same seeds go another way where fewer share the batch."""
    _, crowd = play(parts, policy, jobs)
    _, few = play(parts, policy, jobs, at_once=FEW)
    differ = sum(
        one.trajectory.messages != other.trajectory.messages
        for one, other in zip(crowd, few, strict=True)
    )
    return {"other_batch_differs": differ, "other_batch_tokens": tokens_per_rollout(few)["sampled"]}


# --- what it takes --------------------------------------------------------------------------------


def train_tasks(parts: Components, count: int) -> list[Task]:
    """Generated tasks of the default mix."""
    return list(islice(parts.domain.generate(7, Recipe(split="train")), count))


def step_jobs(parts: Components, amounts: Amounts) -> list[RolloutJob]:
    """The rollouts of a GRPO step: groups of one task and one user."""
    return [
        RolloutJob(
            task=task,
            trial=trial,
            seed=stable_seed("benchmark", task.id, trial),
            user_seed=stable_seed("user", task.id),
        )
        for task in train_tasks(parts, amounts.tasks)
        for trial in range(amounts.group)
    ]


def play(
    parts: Components, policy: Policy, jobs: Sequence[RolloutJob], *, at_once: int = CROWD
) -> tuple[float, list[Episode]]:
    """CPU seconds, and the episodes."""
    started = process_time()
    executor = AsyncioExecutor(at_once)
    episodes = run_rollouts(jobs, policy, parts.setup, executor, keep_tokens=True)
    return process_time() - started, episodes


def training_job(parts: Components, policy: LocalPolicy, folder: Path, **given: Any) -> TrainingJob:
    """A job that reports to nobody and keeps its files in the folder."""

    def no_rollouts(policy: Policy, jobs: Sequence[tuple[Task, int, int]]) -> Sequence[Episode]:
        return ()

    return TrainingJob(
        policy=policy,
        domain=parts.domain,
        rollouts=no_rollouts,
        seed=1,
        folder=folder / "scratch",
        progress=lambda step, steps, metrics: None,
        **given,
    )


# --- one core and two -----------------------------------------------------------------------------


def measure_cores(parts: Components, policy: LocalPolicy, amounts: Amounts) -> dict[str, float]:
    """How many times the rollouts of one process on one core two get done, by the clock."""
    jobs = step_jobs(parts, amounts)

    def seconds(executor: Executor, threads: int = 1) -> float:
        torch.set_num_threads(threads)
        times = []
        for _ in range(amounts.repeats):
            started = perf_counter()
            run_rollouts(jobs, policy, parts.setup, executor, keep_tokens=True)
            times.append(perf_counter() - started)
        torch.set_num_threads(1)
        return min(times)

    alone = seconds(AsyncioExecutor(CROWD))
    forked = ForkExecutor(processes=2, concurrency=CROWD, least=2)
    return {
        "two_processes_ratio": alone / seconds(forked),
        "two_threads_ratio": alone / seconds(AsyncioExecutor(CROWD), threads=2),
    }


def main() -> None:
    bundled = (files("harness_local") / "base").is_dir()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--base",
        default="bundled" if bundled else "untrained",
        help="what the policy starts from: bundled, untrained or a folder",
    )
    parser.add_argument("--sft-seconds", type=float, help="how long it is taught")
    parser.add_argument("--repeats", type=int, help="how often rollouts are played")
    parser.add_argument("--quick", action="store_true", help="a look at whether it runs")
    parser.add_argument(
        "--step-alone", action="store_true", help="measure imitation and the GRPO step alone"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    amounts = replace(QUICK if options.quick else Amounts(), rollouts=not options.step_alone)
    given = {"sft_seconds": options.sft_seconds, "repeats": options.repeats}
    amounts = replace(amounts, **{name: value for name, value in given.items() if value})
    found = measure(options.base, amounts)
    if options.json:
        print(json.dumps(found, indent=2, allow_nan=False))
    else:
        Console().print(table(found))


if __name__ == "__main__":
    main()
