"""Have a round of the loop whose turns vLLM samples for actors of a Ray cluster, beside the same
round in one process; then kill servers and drivers in the middle of GRPO steps.

    python benchmarks/vllm_on_ray.py CHECKPOINT --vllm-python VLLM_ENV/bin/python [--kills 4]

CHECKPOINT is a folder with a model of the retail domain, such as `checkpoints/sft/model` of a run.
The cluster is a head and two nodes on this machine. `vllm_environments.py` makes environments for
all of it and runs this in them.

round: how far the round on Ray is from the one in one process, and the largest distance between
sampler and trainer (nats) in each step of GRPO: the first is on the weights of before, the others
each follow an update. kills: what was killed, after how many turns of a run that goes on from its
first step of GRPO, the steps that were kept until then, and how far all is from the round on Ray
that was left alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster
from ray_kills import QUICKLY, add_node, below
from vllm_rounds import (
    ARM,
    ON_RAY,
    Size,
    compared,
    environment,
    gaps,
    harness,
    rows,
    run,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="A checkpoint of the retail domain.")
    parser.add_argument("--vllm-python", required=True, help="The Python that can import vllm.")
    parser.add_argument("--steps", type=int, default=3, help="Steps of GRPO.")
    parser.add_argument("--tasks", type=int, default=8, help="Test tasks of each evaluation.")
    parser.add_argument("--kills", type=int, default=0, help="Of each kind.")
    parser.add_argument("--out", type=Path, help="Keep the runs here; those that are there count.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        out = asked.out or Path(place)
        out.mkdir(parents=True, exist_ok=True)
        print(json.dumps(figures(asked, out), indent=2, allow_nan=False))


def figures(asked: argparse.Namespace, out: Path) -> dict[str, Any]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": 80_000_000}
    cluster = Cluster(initialize_head=True, head_node_args={**head, "_system_config": QUICKLY})
    for _ in range(2):
        add_node(cluster)
    try:
        os.environ["RAY_ADDRESS"] = cluster.address
        size = Size(
            folder=asked.folder, python=asked.vllm_python, steps=asked.steps, tasks=asked.tasks
        )
        report: dict[str, Any] = {"round": both(size, out), "kills": []}
        say(report["round"])
        for row in kills(size, out, asked.kills):
            report["kills"].append(row)
            say(row)
    finally:
        cluster.shutdown()
    return report


def say(row: dict[str, Any]) -> None:
    print(json.dumps(row, allow_nan=False), file=sys.stderr)


def both(size: Size, out: Path) -> dict[str, Any]:
    """One round in the process of the run, and one on the cluster."""
    seconds = {}
    for name, more in (("here", ["--executor", "asyncio"]), ("ray", ON_RAY)):
        started = time.monotonic()
        if not (out / name / "report.json").is_file():
            run(size.command(out / name, *more))
            seconds[f"{name}_s"] = round(time.monotonic() - started, 1)
    apart = compared(out / "here", out / "ray")
    return {**apart, "gaps_here": gaps(out / "here"), "gaps_ray": gaps(out / "ray"), **seconds}


def kills(size: Size, out: Path, count: int) -> Iterator[dict[str, Any]]:
    """Rows, one for each kill. All go on from a run that was killed after its first step."""
    if not count:
        return
    begun = out / "begun"
    if not begun.exists():
        driver = start(size.command(begun, *ON_RAY))
        wait(driver, (begun / "checkpoints" / ARM / "scratch" / "snapshot.pt").is_file)
        kill(driver)
    for number in range(count):
        for kind in ("server", "driver"):
            cut = out / f"{kind}-{number}"
            shutil.copytree(begun, cut)
            turns = 20 + 60 * number
            row = {"killed": kind, "turns_before": turns}
            yield {**row, **killed(kind, cut, turns), **compared(out / "ray", cut)}


def killed(kind: str, cut: Path, turns: int) -> dict[str, Any]:
    """Go on with a run, kill once after so many turns, and have the run brought to its end."""
    resume = [*harness("loop"), "--resume", str(cut)]
    started = time.monotonic()
    driver = start(resume)
    wait(driver, lambda: completions(driver.pid) >= turns)
    steps = len({row["step"] for row in rows(cut, "rollouts.jsonl")})
    if kind == "driver":
        kill(driver)
        run(resume)
    else:
        os.killpg(server_of(driver.pid), signal.SIGKILL)
        said = driver.communicate()[1]
        if driver.returncode:
            sys.exit(f"the run ended with its server: {said[-3000:]}")
    return {"steps_before": steps, "seconds": round(time.monotonic() - started, 1)}


def start(command: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def wait(driver: subprocess.Popen[str], happens: Callable[[], bool]) -> None:
    while not happens():
        if driver.poll() is not None:
            sys.exit(f"the run ended too early: {driver.communicate()[1][-3000:]}")
        time.sleep(0.1)


def kill(driver: subprocess.Popen[str]) -> None:
    driver.kill()
    driver.communicate()


def completions(driver: int) -> int:
    """How many the server of the run has answered."""
    with suppress(OSError, LookupError):
        log = Path(f"/proc/{server_of(driver)}/fd/1").read_bytes()
        return log.count(b"POST /v1/completions HTTP")
    return 0


def server_of(driver: int) -> int:
    """The process group of the server that a run has started, and a keeper beside it."""
    for pid in below(driver):
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"vllm.entrypoints" in words and b"keeper.py" not in words:
                return os.getpgid(pid)
    raise LookupError("the run has no server")


if __name__ == "__main__":
    main()
