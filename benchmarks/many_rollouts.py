"""What an evaluation of very many conversations costs where it is started, and whether that grows
linearly.

    python benchmarks/many_rollouts.py --rollouts 1000 10000 100000 [--json]

The policy says nothing and its customers give up at once: what is left is the work of the driver
for each conversation, its row in the run folder included. Each size runs in a process of its own:
its CPU time, memory beyond that of a run of 100, the folder; and the same for the command once
more, in another process, with the last row missing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections import deque
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
    empty = figures(TASKS)
    rows = []
    for size in sizes:
        rows.append(beyond(figures(size), empty))
        print(rows[-1], file=sys.stderr)
    if arguments.json:
        print(json.dumps({"tasks": TASKS, "sizes": rows}, indent=1, allow_nan=False))
        return
    for row in rows:
        print("  ".join(f"{name} {value:,}" for name, value in row.items()))


def figures(count: int) -> dict[str, Any]:
    """Those of one size, from two fresh processes."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        cpu, peak = apart(folder, count)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        lose_a_row(folder)
        again, peak_again = apart(folder, count)
    return {
        "rollouts": count,
        "cpu_s": round(cpu, 2),
        "resume_cpu_s": round(again, 2),
        "folder_mb": round(size / 2**20, 2),
        "peak_mb": peak,
        "resume_peak_mb": peak_again,
    }


def beyond(row: dict[str, Any], empty: dict[str, Any]) -> dict[str, Any]:
    count = row["rollouts"]
    grown, grown_again = (
        max(0.0, row.pop(name) - empty[name]) for name in ("peak_mb", "resume_peak_mb")
    )
    return {
        **row,
        "cpu_ms_each": round(1000 * row["cpu_s"] / count, 3),
        "resume_cpu_ms_each": round(1000 * row["resume_cpu_s"] / count, 3),
        "bytes_each": round(row["folder_mb"] * 2**20 / count),
        "memory_mb": round(grown, 1),
        "memory_kb_each": round(1024 * grown / count, 2),
        "resume_memory_mb": round(grown_again, 1),
        "resume_memory_kb_each": round(1024 * grown_again / count, 2),
    }


def apart(folder: Path, count: int) -> tuple[float, float]:
    """CPU seconds and peak memory in MB of an evaluation in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measured, (folder, count))


def measured(folder: Path, count: int) -> tuple[float, float]:
    started = time.process_time()
    evaluate(folder, count)
    cpu = time.process_time() - started
    return cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


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
    with file.open("rb+") as opened:
        [last] = deque(opened, maxlen=1)
        opened.truncate(file.stat().st_size - len(last))


if __name__ == "__main__":
    main()
