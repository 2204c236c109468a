"""Kill actors, nodes and the driver in the middle of rollouts, and compare what comes of it.

    python benchmarks/ray_kills.py [--rollouts 500] [--times 7] [--kinds actor ...] [--json]

A cluster of a head without actors and two nodes on this machine. Each run has the rollouts of a
noisy policy on the retail domain and one SIGKILL after a third of them: of an actor, of a whole
node (its raylet with all below it; another node joins afterwards), or of a driver, whose evaluation
is then resumed; or a SIGSTOP of a whole node, which falls silent as one behind a cut link does. It
counts how many results came, how many rollouts they are of, and whether they are those of one
process.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray
from ray.cluster_utils import Cluster

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import RolloutJob
from harness.types import Episode

POLICY = "noisy:0.5"
QUICKLY = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 3,
}
"""How soon Ray counts a silent node as dead."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=500)
    parser.add_argument("--times", type=int, default=7, help="Runs of each kind.")
    parser.add_argument("--kinds", nargs="+", choices=["actor", "node", "silence", "driver"])
    parser.add_argument("--json", action="store_true", help="Print the rows as JSON.")
    arguments = parser.parse_args()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    jobs = jobs_of(parts_of("asyncio"), arguments.rollouts)
    expected = play(parts_of("asyncio"), jobs)
    rows = []
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 0,
            "include_dashboard": False,
            "object_store_memory": 80_000_000,
            "_system_config": QUICKLY,
        },
    )
    for _ in range(2):
        add_node(cluster)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
    kinds: dict[str, Callable[[], dict[str, Any]]] = {
        "actor": lambda: killing(jobs, expected, kill_actor),
        "node": lambda: killing(jobs, expected, lambda: kill_node(cluster)),
        "silence": lambda: silencing(jobs, expected, cluster),
        "driver": lambda: driver(jobs, cluster.address),
    }
    for number in range(arguments.times):
        for kind in arguments.kinds or kinds:
            rows.append({"killed": kind, "run": number, **kinds[kind]()})
            print(rows[-1], file=sys.stderr)
    ray.shutdown()
    cluster.shutdown()
    if arguments.json:
        print(json.dumps(rows, indent=2, allow_nan=False))
        return
    for kind in arguments.kinds or kinds:
        of = [row for row in rows if row["killed"] == kind]
        good = sum(row["delivered"] == row["unique"] == len(jobs) and row["equal"] for row in of)
        seconds = max(row["seconds"] for row in of)
        print(
            f"{kind:8} {good} of {len(of)} runs equal, each rollout once; longest {seconds:.1f} s"
        )


def killing(
    jobs: Sequence[RolloutJob], expected: Sequence[Episode], kill: Callable[[], None]
) -> dict[str, Any]:
    """One run in this process, in which something is killed after a third of the rollouts."""
    told: list[int] = []

    def finished(index: int, episode: Episode) -> None:
        told.append(index)
        if len(told) == len(jobs) // 3:
            kill()

    started = time.monotonic()
    parts = parts_of("ray")
    had = run_rollouts(jobs, parts.policy(), parts.setup, parts.executor, finished=finished)
    return {
        "delivered": len(told),
        "unique": len(set(told)),
        "equal": had == list(expected),
        "seconds": round(time.monotonic() - started, 1),
    }


def kill_actor() -> None:
    """The process of one actor of this cluster."""
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            command = entry.name.isdigit() and (entry / "cmdline").read_bytes()
            if command and command.startswith(b"ray::Worker") and is_below_us(int(entry.name)):
                os.kill(int(entry.name), signal.SIGKILL)
                return
    raise RuntimeError("no actor is running")


def is_below_us(pid: int) -> bool:
    """Whether this process has started that one, or one that did."""
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = parent_of(pid)
    return False


def kill_node(cluster: Cluster) -> None:
    """A node with all its processes, at once; then another joins."""
    node = next(node for node in cluster.worker_nodes)
    cluster.remove_node(node, allow_graceful=False)
    add_node(cluster)


def silencing(
    jobs: Sequence[RolloutJob], expected: Sequence[Episode], cluster: Cluster
) -> dict[str, Any]:
    """One run in which a node falls silent; its processes are killed when the run is over."""
    stopped: list[int] = []
    row = killing(jobs, expected, lambda: stopped.extend(silence_node(cluster)))
    for pid in stopped:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    return row


def silence_node(cluster: Cluster) -> Sequence[int]:
    """Stop all processes of a node, and say which; Ray has to find out."""
    node = cluster.worker_nodes.pop()
    [raylet] = [process.process.pid for process in node.all_processes["raylet"]]
    stopped = [raylet, *below(raylet)]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    add_node(cluster)
    return stopped


def below(pid: int) -> list[int]:
    """The processes that descend from it."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and parent_of(int(entry.name)) == pid:
                found += [int(entry.name), *below(int(entry.name))]
    return found


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def add_node(cluster: Cluster) -> None:
    cluster.add_node(num_cpus=2, object_store_memory=80_000_000)


def driver(jobs: Sequence[RolloutJob], address: str) -> dict[str, Any]:
    """An evaluation by the command, killed and resumed, against one that was left alone."""
    tasks, trials = min(100, len(jobs)), max(1, len(jobs) // 100)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        whole, cut = Path(folder) / "whole", Path(folder) / "cut"
        command = [
            *(sys.executable, "-m", "harness", "eval", "--domain", "retail", "--policy", POLICY),
            *("--preset", "quick", "--tasks", str(tasks), "--trials", str(trials)),
        ]
        on_ray = ["--executor", "ray", "--option", f"ray.address={address}"]
        run(command, "--executor", "asyncio", "--out", str(whole))
        process = subprocess.Popen(
            [*command, *on_ray, "--option", "ray.concurrency=4", "--out", str(cut)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None and lines(cut) < tasks * trials // 3:
            time.sleep(0.02)
        process.kill()
        process.wait()
        before = lines(cut)
        run([sys.executable, "-m", "harness", "eval"], "--resume", str(cut))
        had, wanted = file_of(cut).read_bytes(), file_of(whole).read_bytes()
    rows = [json.loads(line) for line in had.splitlines()]
    ids = {(row["trajectory"]["task_id"], row["trajectory"]["trial"]) for row in rows}
    return {
        "delivered": len(rows),
        "unique": len(ids),
        "equal": had == wanted,
        "before_kill": before,
        "seconds": round(time.monotonic() - started, 1),
    }


def run(command: Sequence[str], *more: str) -> None:
    subprocess.run([*command, *more], check=True, stdout=subprocess.DEVNULL)


def file_of(folder: Path) -> Path:
    return folder / "evals" / "policy-test" / "episodes.jsonl"


def lines(folder: Path) -> int:
    return file_of(folder).read_bytes().count(b"\n") if file_of(folder).is_file() else 0


def parts_of(executor: str) -> Components:
    options = {"ray": {"actors": 2, "concurrency": 32}} if executor == "ray" else {}
    flags = {"domain": "retail", "policy": POLICY, "executor": executor, "options": options}
    return Components(load_config(preset="quick", flags=flags), open_registry())


def jobs_of(parts: Components, count: int) -> list[RolloutJob]:
    tasks = parts.domain.tasks("test")
    return [
        RolloutJob(task=tasks[n % len(tasks)], trial=n // len(tasks), seed=n) for n in range(count)
    ]


def play(parts: Components, jobs: Sequence[RolloutJob]) -> list[Episode]:
    return run_rollouts(jobs, parts.policy(), parts.setup, parts.executor)


if __name__ == "__main__":
    main()
