"""What a rollout costs on a Ray cluster of this machine beyond one in this process, in CPU time.

Run by `python benchmarks/rollout_overhead.py --ray N`: N rollouts of the retail domain by the
expert policy in this process and on two actors, and N items that do nothing. Counted is the CPU
time of all processes together: this one, the actors, and Ray's own, which never quite rest.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.evaluation.in_order import in_order
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import Executor, RolloutJob

ACTORS = 2
SETTLED = 5.0
"""Seconds after which Ray has started what it keeps ready."""


def ray_figures(count: int) -> dict[str, Any]:
    """The figures, under names that begin with "ray_"."""
    parts = parts_of("ray", {"ray": {"actors": ACTORS}})
    started, cpu = time.monotonic(), cpu_seconds()
    in_order(parts.executor, nothing, range(ACTORS))
    start = {"ray_start_s": time.monotonic() - started, "ray_start_cpu_s": cpu_seconds() - cpu}
    here, there = parts_of("asyncio", {}).executor, parts.executor
    play(parts, there, 8)  # each actor makes its products
    time.sleep(SETTLED)
    idle = cpu_of(lambda: time.sleep(SETTLED))[0] / SETTLED
    in_process, _ = cpu_of(lambda: play(parts, here, count))
    on_ray, seconds = cpu_of(lambda: play(parts, there, count))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    nothings, nothing_seconds = cpu_of(lambda: in_order(there, nothing, range(count)))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    each = 1000 / count
    figures = {
        **start,
        "ray_idle_cpu_share": idle,
        "ray_rollouts": count,
        "ray_in_process_cpu_ms": each * in_process,
        "ray_cpu_ms": each * on_ray,
        "ray_extra_cpu_ms": each * (on_ray - in_process),
        "ray_wall_ms": each * seconds,
        "ray_noop_cpu_ms": each * nothings,
        "ray_noop_wall_ms": each * nothing_seconds,
        "ray_noop_driver_growth_mb": grown / 1024,
        "ray_load": os.getloadavg()[0],
    }
    return {name: round(value, 3) for name, value in figures.items()}


async def nothing(item: int) -> int:
    return item


def parts_of(executor: str, options: dict[str, Any]) -> Components:
    flags = {"domain": "retail", "policy": "expert", "executor": executor, "options": options}
    return Components(load_config(preset="quick", flags=flags), open_registry())


def play(parts: Components, executor: Executor, count: int) -> None:
    tasks = parts.domain.tasks("test")
    jobs = [
        RolloutJob(task=tasks[n % len(tasks)], trial=n // len(tasks), seed=n) for n in range(count)
    ]
    run_rollouts(jobs, parts.policy(), parts.setup, executor)


def cpu_of(work: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds of this process and all below it, and seconds on the clock."""
    started, cpu = time.monotonic(), cpu_seconds()
    work()
    return cpu_seconds() - cpu, time.monotonic() - started


def cpu_seconds() -> float:
    """Of this process and all that descend from it and live, by Linux's /proc."""
    parents: dict[int, int] = {}
    used: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        parents[int(entry.name)] = int(fields[1])
        used[int(entry.name)] = int(fields[11]) + int(fields[12])

    def is_ours(pid: int) -> bool:
        while pid > 1:
            if pid == os.getpid():
                return True
            pid = parents.get(pid, 0)
        return False

    return sum(ticks for pid, ticks in used.items() if is_ours(pid)) / os.sysconf("SC_CLK_TCK")
