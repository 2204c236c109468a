"""What an evaluation of very many conversations costs where it is started, and whether that grows
linearly.

    python benchmarks/many_rollouts.py --rollouts 1000 10000 100000 [--json]

The policy says nothing and its customers give up at once: what is left is the work of the driver
for each conversation, its row in the run folder included. Each size runs in a process of its own:
its CPU time, memory beyond an empty run's, the folder, and the CPU time of the same command once
more with the last row missing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.llm.roles import open_registry
from harness.loop import evaluate_once
from harness.run_folder import RunFolder

TASKS = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rollouts", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--json", action="store_true", help="print one object")
    arguments = parser.parse_args()
    sizes = [max(TASKS, count // TASKS * TASKS) for count in arguments.rollouts]
    empty = apart(TASKS)["peak_mb"]
    rows = [beyond(apart(size), empty) for size in sizes]
    if arguments.json:
        print(json.dumps({"tasks": TASKS, "sizes": rows}, indent=1, allow_nan=False))
        return
    for row in rows:
        print("  ".join(f"{name} {value:,}" for name, value in row.items()))


def apart(count: int) -> dict[str, Any]:
    """The figures of one size, from a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(figures, (count,))


def beyond(row: dict[str, Any], empty: float) -> dict[str, Any]:
    count = row["rollouts"]
    grown = max(0.0, row.pop("peak_mb") - empty)
    return {
        **row,
        "cpu_ms_each": round(1000 * row["cpu_s"] / count, 3),
        "bytes_each": round(row["folder_mb"] * 2**20 / count),
        "memory_mb": round(grown, 1),
        "memory_kb_each": round(1024 * grown / count, 2),
    }


def figures(count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        cpu = cpu_of(lambda: evaluate(folder, count))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        lose_a_row(folder)
        again = cpu_of(lambda: evaluate(folder, count))
    return {
        "rollouts": count,
        "cpu_s": round(cpu, 2),
        "resume_cpu_s": round(again, 2),
        "folder_mb": round(size / 2**20, 2),
        "peak_mb": peak,
    }


def evaluate(folder: Path, count: int) -> None:
    flags = {
        "domain": "retail",
        "policy": "noop",
        "executor": "asyncio",
        "test_tasks": TASKS,
        "test_trials": count // TASKS,
    }
    parts = Components(load_config(preset="quick", flags=flags), open_registry())
    run = folder / "run"
    store = RunFolder(run) if run.exists() else RunFolder.create(run, {})
    evaluate_once(parts, store, "test")


def lose_a_row(folder: Path) -> None:
    """Leave the evaluation as a kill before its last conversation does."""
    for mark in (folder / "run" / "done").glob("*"):
        mark.unlink()
    file = folder / "run" / "evals" / "policy-test" / "episodes.jsonl"
    rows = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(rows[:-1]))


def cpu_of(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    main()
