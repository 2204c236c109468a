"""Turn a policy and tasks into the seconds of a GRPO step on two cores, beside its limit.

Two engines in turns, from the same weights: rows packed end to end with a share for each core, and
padded rows in one process, as it was before and is for models that cannot be packed.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import fmean
from time import perf_counter, process_time
from typing import Any

import torch
from flops import Work, gemm_flops
from stopwatch import Stopwatch, replaced

import harness_grpo.training
from harness.assembly.components import Components
from harness.evaluation.rollout import run_rollouts
from harness.protocols import Policy, RolloutJob, Settings, TrainingJob
from harness.training.groups import reward
from harness.types import Episode, Task, TokenTrace, stable_seed
from harness_asyncio.forking import ForkExecutor
from harness_grpo.reinforcement import ReinforcementTrainer
from harness_local.policy import LocalPolicy

CORES = 2
CROWD = 64
"""Conversations open at once over all processes, as by default."""

ENGINES = ("plain", "packed")


@dataclass(frozen=True, kw_only=True)
class Step:
    """Seconds by the clock, CPU seconds of all processes, and what was computed in them."""

    seconds: float
    cpu: float
    sampling: float
    learning: float
    trained_on: int
    tokens: int
    trained_tokens: int
    flops: float


def measure_step(
    parts: Components,
    policy: LocalPolicy,
    folder: Path,
    *,
    tasks: Sequence[Task],
    group: int,
    repeats: int,
) -> dict[str, Any]:
    """Means over the second steps of so many trainings with each engine, each from another seed.

    ``tasks``: those of one step, twice. The learning rate is 0: both engines get the same rollouts.
    """
    start = {name: weight.clone() for name, weight in policy.model.state_dict().items()}
    found: dict[str, list[Step]] = {engine: [] for engine in ENGINES}
    limits = []
    for repeat in range(repeats):
        for engine in ENGINES:
            policy.model.load_state_dict(start)
            limits.append(gemm_flops()["float32"])
            with _engine(engine):
                scratch = folder / f"{engine}-{repeat}"
                found[engine].append(
                    _second_step(parts, policy, scratch, tasks, group, seed=repeat)
                )
    policy.model.load_state_dict(start)
    ours = _means(found["packed"])
    limit = ours["flops"] / fmean(limits) / CORES
    before = _means(found["plain"])
    bookkeeping = ours["seconds"] - ours["sampling"] - ours["learning"]
    return {
        "cpu": cpu_kind(),
        "grpo_cores": CORES,
        "grpo_step_s": ours["seconds"],
        "grpo_sampling_s": ours["sampling"],
        "grpo_learning_s": ours["learning"],
        "grpo_bookkeeping_s": bookkeeping,
        "bookkeeping_share": bookkeeping / ours["seconds"],
        "grpo_cpu_s": ours["cpu"],
        "grpo_trained_on": ours["trained_on"],
        "grpo_tokens": ours["tokens"],
        "grpo_trained_tokens": ours["trained_tokens"],
        "grpo_limit_s": limit,
        "grpo_limit_share": limit / ours["seconds"],
        "grpo_steps_s": [round(step.seconds, 2) for step in found["packed"]],
        "grpo_plain_steps_s": [round(step.seconds, 2) for step in found["plain"]],
        "grpo_plain_trained_tokens": before["trained_tokens"],
        "grpo_plain_step_s": before["seconds"],
        "grpo_plain_sampling_s": before["sampling"],
        "grpo_plain_learning_s": before["learning"],
        "grpo_plain_cpu_s": before["cpu"],
    }


def cpu_kind() -> dict[str, Any]:
    """The processor's name, and whether it has what makes small numbers fast."""
    able = torch.cpu.get_capabilities()
    lines = Path("/proc/cpuinfo").read_text().splitlines() if platform.system() == "Linux" else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "name": named[0] if named else platform.processor(),
        "avx512_bf16": bool(able.get("avx512_bf16")),
        "amx": bool(able.get("amx_bf16") or able.get("amx_tile")),
    }


@contextmanager
def _engine(name: str) -> Iterator[None]:
    packs = harness_grpo.training.can_pack if name == "packed" else lambda model, ids: False
    with replaced(harness_grpo.training, "can_pack", packs):
        yield


def _second_step(
    parts: Components,
    policy: LocalPolicy,
    folder: Path,
    tasks: Sequence[Task],
    group: int,
    *,
    seed: int,
) -> Step:
    """The first step also imports and allocates, so it does not count."""
    watch, work = Stopwatch(clock=perf_counter), Work(policy)
    executor = ForkExecutor(processes=CORES, concurrency=CROWD, least=33)
    marks: list[dict[str, float]] = []
    played: list[list[Episode]] = []

    def rollouts(policy: Policy, jobs: Sequence[tuple[Task, int, int]]) -> Sequence[Episode]:
        listed = [
            RolloutJob(task=task, trial=trial, seed=seed, user_seed=stable_seed("user", task.id))
            for task, trial, seed in jobs
        ]
        with watch.counting("sampling"):
            played.append(run_rollouts(listed, policy, parts.setup, executor, keep_tokens=True))
        return played[-1]

    def progress(step: int, steps: int, metrics: Mapping[str, float]) -> None:
        children = getrusage(RUSAGE_CHILDREN)
        cpu = process_time() + children.ru_utime + children.ru_stime
        marks.append({"seconds": perf_counter(), "cpu": cpu, **watch.seconds})

    options = {
        "max_steps": 2,
        "learning_rate": 0.0,
        "tasks_per_step": len(tasks) // 2,
        "num_generations": group,
    }
    trainer = parts.registry.make(
        "trainer", "grpo", Settings(options={**options, "threads": CORES})
    )
    job = TrainingJob(
        policy=policy,
        domain=parts.domain,
        rollouts=rollouts,
        seed=seed,
        folder=folder,
        progress=progress,
        tasks=tasks,
    )
    with watch.watching(
        ("learning", ReinforcementTrainer, "_set_gradient"),
        ("learning", torch.optim.AdamW, "step"),
    ):
        trainer.train(job)
    [(before, after)] = pairwise(marks)
    spent = {name: after[name] - before.get(name, 0.0) for name in after}
    all_of_them = _traces(played[-1])
    trained = _traces(_trained_on(played[-1], group))
    return Step(
        seconds=spent["seconds"],
        cpu=spent["cpu"],
        sampling=spent["sampling"],
        learning=spent.get("learning", 0.0),
        trained_on=len(trained),
        tokens=sum(len(trace.ids) for trace in all_of_them),
        trained_tokens=sum(len(trace.ids) for trace in trained),
        flops=sum(map(work.forward, all_of_them)) + 3 * sum(map(work.forward, trained)),
    )


def _trained_on(episodes: Sequence[Episode], group: int) -> list[Episode]:
    """Those whose reward is not the mean of their group."""
    found = []
    for start in range(0, len(episodes), group):
        some = episodes[start : start + group]
        known = [total for one in some if (total := reward(one)) is not None]
        mean = fmean(known) if known else 0.0
        found += [e for e in some if (t := reward(e)) is not None and abs(t - mean) > 1e-6]
    return found


def _traces(episodes: Sequence[Episode]) -> list[TokenTrace]:
    return [episode.tokens for episode in episodes if episode.tokens is not None]


def _means(steps: Sequence[Step]) -> dict[str, float]:
    return {name: fmean(getattr(step, name) for step in steps) for name in Step.__annotations__}
