"""One evaluation and one GRPO step whose turns vLLM samples on a GPU; "not run" without one.

    python benchmarks/gpu_check.py [CHECKPOINT] [--vllm-python VLLM_ENV/bin/python] [--on-cpu]

CHECKPOINT is a folder with a model of the retail domain; without it, the bundled tiny model.
`--on-cpu` does the same with vLLM for a CPU, to see that the script works. It ends with status 1
where a conversation has a fault, the step trains on nothing, sampler and trainer are further apart
than `--limit`, or the time is up. Weights go to the server by way of a folder, before the step and
after it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vllm_rounds import ARM, Size, curve, environment, gaps, rows

MINUTES = 15.0
BESIDE_THE_TRAINER = "--gpu-memory-utilization=0.4"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="A checkpoint of the retail domain.")
    parser.add_argument("--vllm-python", default="", help="The Python that can import vllm.")
    parser.add_argument("--on-cpu", action="store_true", help="With vLLM for a CPU.")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="When to give up.")
    parser.add_argument("--limit", type=float, default=1e-3, help="Nats between both sides.")
    asked = parser.parse_args()
    found = gpus()
    if not found and not asked.on_cpu:
        print("not run: nvidia-smi finds no GPU on this machine")
        return 0
    from vllm_policy import tiny  # torch takes seconds to import

    with tempfile.TemporaryDirectory() as place:
        size = Size(
            folder=asked.folder or tiny(Path(place) / "tiny", "retail"),
            python=asked.vllm_python,
            steps=1,
            tasks=4,
            arguments=[] if asked.on_cpu else [BESIDE_THE_TRAINER],
        )
        try:
            report = {"gpus": found, **figures(size, Path(place) / "run", 60 * asked.minutes)}
        except subprocess.TimeoutExpired:
            print(f"failed: not done within {asked.minutes:g} minutes")
            return 1
    wrong = complaints(report, asked.limit)
    print(json.dumps({**report, "wrong": wrong}, indent=2, allow_nan=False))
    return int(bool(wrong))


def gpus() -> list[str]:
    """Their names."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    asked = [tool, "--query-gpu=name", "--format=csv,noheader"]
    done = subprocess.run(asked, capture_output=True, text=True)
    return done.stdout.split("\n")[:-1] if done.returncode == 0 else []


def figures(size: Size, out: Path, seconds: float) -> dict[str, Any]:
    """What a round came to. Raises ``subprocess.TimeoutExpired``."""
    command = size.command(out, "--executor", "asyncio")
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=seconds
    )
    if done.returncode:
        sys.exit(f"the round ended with {done.returncode}: {done.stderr[-3000:]}")
    conversations = list(rows(out / "evals", "episodes.jsonl"))
    [step] = curve(out)
    timings = {row["station"]: row["seconds"] for row in rows(out, "timings.jsonl")}
    return {
        "conversations": len(conversations),
        "faults": sum(
            row["trajectory"]["ended"] == "infrastructure_fault" for row in conversations
        ),
        "rollouts_trained_on": step["rollouts_trained_on"],
        "sampler_gap_max": max(gaps(out), default=None),
        "loss": step.get("loss"),
        "start_s": timings["base"],
        "step_s": timings[f"train {ARM}"],
        "seconds": round(sum(timings.values()), 1),
    }


def complaints(report: dict[str, Any], limit: float) -> Sequence[str]:
    """What is not as it should be."""
    gap = report["sampler_gap_max"]
    wrong = [f"{report['faults']} conversations with a fault"] if report["faults"] else []
    if gap is None:
        return [*wrong, "nothing was trained on"]
    return [*wrong, f"sampler and trainer are {gap:.2g} nats apart"] if gap > limit else wrong


if __name__ == "__main__":
    sys.exit(main())
