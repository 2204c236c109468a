"""Have conversations on a vLLM server that is started here, and prove their log-probabilities.

    python benchmarks/vllm_policy.py --vllm-python VLLM_ENV/bin/python [FOLDER] [--tasks 8]

vLLM lives in an environment of its own (`docs/models.md` says how to make one for a CPU). FOLDER is
a model in float32; without it, the bundled tiny model with the words of the domain. Every sampled
token is compared with one forward pass of transformers over its whole conversation. Then all
weights are moved by noise, as a step of training would, and brought to the running server; at last
the server is killed in the middle of conversations.

conversations_of_two_versions: of those in which weights changed once more in the middle.
starts: how often the server was started; 2 is right.
gap_before, gap_after, gap_killed: the largest distances in nats, over all sampled tokens.
probe_gaps: how far the server was from each set of weights when it got them.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import RolloutJob
from harness.types import Episode, stable_seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="A model folder, in float32.")
    parser.add_argument("--vllm-python", required=True, help="The Python that can import vllm.")
    parser.add_argument("--domain", default="retail")
    parser.add_argument("--tasks", type=int, default=8)
    parser.add_argument("--noise", type=float, default=0.01, help="By how much weights move.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = arguments.folder or tiny(Path(place) / "tiny", arguments.domain)
        print(json.dumps(figures(folder, arguments), indent=2, allow_nan=False))


def figures(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    options = {"python": arguments.vllm_python, "max_new_tokens": 256}
    flags = {
        "domain": arguments.domain,
        "policy": f"vllm:{folder}",
        "executor": "asyncio",
        "options": {"vllm": options},
    }
    parts = Components(load_config(preset="quick", flags=flags), open_registry())
    started = time.perf_counter()
    policy: Any = parts.trainable()
    ready = time.perf_counter()
    before = play(parts, policy, arguments.tasks)
    played = time.perf_counter()
    report: dict[str, Any] = {
        "start_s": round(ready - started, 1),
        "conversations": len(before),
        "successes": sum(one.score.success for one in before),
        "turns": sum(len(one.trajectory.messages) for one in before),
        "tokens": tokens(before),
        "tokens_per_s": round(tokens(before) / (played - ready), 1),
        "gap_before": gap(policy.model, before),
    }
    move(policy.model, arguments.noise)
    changed = time.perf_counter()
    policy.weights_changed()
    report["update_s"] = round(time.perf_counter() - changed, 2)
    after = play(parts, policy, arguments.tasks)
    report["gap_after"] = gap(policy.model, after)
    report["versions"] = sorted({s.version for e in after if e.tokens for s in e.tokens.versions})
    timer = threading.Timer(2.0, kill, [policy])
    timer.start()
    killed = play(parts, policy, arguments.tasks)
    timer.join()
    report["gap_killed"] = gap(policy.model, killed)
    report["starts"] = policy._sampler.fleet.own.starts
    report["faults_killed"] = sum(one.trajectory.is_fault for one in killed)
    report["same_as_before_the_kill"] = [e.trajectory.messages for e in killed] == [
        e.trajectory.messages for e in after
    ]
    timer = threading.Timer(2.0, change, [policy, arguments.noise])
    timer.start()
    cut = play(parts, policy, arguments.tasks)
    timer.join()
    spans = [one.tokens.versions for one in cut if one.tokens]
    report["faults_cut"] = [e.trajectory.ended for e in cut if e.trajectory.is_fault]
    report["conversations_of_two_versions"] = sum(len({v.version for v in s}) > 1 for s in spans)
    report["probe_gaps"] = policy._sampler.fleet.gaps
    return report


def tiny(folder: Path, domain: str) -> Path:
    """The bundled model with the words of the domain."""
    flags = {"domain": domain, "policy": "tiny"}
    parts = Components(load_config(preset="quick", flags=flags), open_registry())
    parts.trainable(folder=folder.parent / "made").save(folder)
    return folder


def play(parts: Components, policy: Any, count: int) -> Sequence[Episode]:
    jobs = [
        RolloutJob(task=task, trial=0, seed=number, user_seed=stable_seed("user", task.id))
        for number, task in enumerate(parts.domain.tasks("test")[:count])
    ]
    return run_rollouts(jobs, policy, parts.setup, parts.executor, keep_tokens=True)


def tokens(episodes: Sequence[Episode]) -> int:
    return sum(int(one.tokens.sampled.sum()) for one in episodes if one.tokens)


def gap(model: Any, episodes: Sequence[Episode], temperature: float = 0.7) -> float:
    worst = 0.0
    model.eval()
    for episode in episodes:
        if episode.tokens is None:
            continue
        ids, sampled = torch.tensor(episode.tokens.ids), episode.tokens.sampled[1:]
        with torch.no_grad():
            logits = model(ids[None]).logits[0, :-1].float() / temperature
        known = logits.log_softmax(-1).gather(1, ids[1:, None])[:, 0].numpy()
        gaps = np.abs(known - episode.tokens.logprobs[1:])[sampled]
        worst = max(worst, float(gaps.max(initial=0.0)))
    return worst


def move(model: Any, noise: float) -> None:
    dice = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight += noise * torch.randn(weight.shape, generator=dice)


def change(policy: Any, noise: float) -> None:
    """A step of training while conversations go on."""
    move(policy.model, noise)
    policy.weights_changed()


def kill(policy: Any) -> None:
    """SIGKILL to all processes of the server."""
    os.killpg(policy._sampler.fleet.own.group, signal.SIGKILL)


if __name__ == "__main__":
    main()
