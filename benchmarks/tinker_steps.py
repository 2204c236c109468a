"""Turn a Tinker server that runs into figures: SFT, GRPO steps with proofs, the weights back.

    python benchmarks/tinker_steps.py FOLDER --make          a tiny Qwen3 for the retail domain
    python benchmarks/tinker_steps.py FOLDER --url URL       train it there, JSON to stdout

A server of SkyRL on a CPU, in an environment of its own, is started as docs/scale.md says.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, Qwen3Config, Qwen3ForCausalLM

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import Policy, RolloutJob, Settings, TrainingJob
from harness.training.curricula import held_out, shown
from harness.training.demonstrations import train_tasks
from harness.types import Episode, Task, TokenTrace, stable_seed
from harness_local.codec_folder import open_codec
from harness_local.tiny import Shape, build_tiny


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("folder", type=Path)
    given.add_argument("--make", action="store_true")
    given.add_argument("--url", default="")
    given.add_argument("--backend", default="skyrl-jax")
    given.add_argument("--sft-steps", type=int, default=6)
    given.add_argument("--batch", type=int, default=2, help="conversations of an SFT step")
    given.add_argument("--length", type=int, default=256, help="tokens of one that are kept")
    given.add_argument("--grpo-steps", type=int, default=2)
    given.add_argument("--loss", default="ppo")
    given.add_argument("--proof-loss", default="cross_entropy")
    asked = given.parse_args()
    if asked.make:
        make(asked.folder)
    else:
        print(json.dumps(measured(asked), indent=1, allow_nan=False))


def make(folder: Path) -> None:
    """Write an untrained Qwen3 with the tokenizer and codec that `tiny` has for retail."""
    parts = Components(load_config(preset="quick", flags={"domain": "retail"}), open_registry())
    build_tiny(folder, parts.domain, Shape(), seed=0)
    tokenizer, _ = open_codec(str(folder))
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=4096,
        tie_word_embeddings=False,
        eos_token_id=tokenizer.eos_token_id,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)


def measured(asked: argparse.Namespace) -> dict[str, Any]:
    """What SFT and GRPO came to, and how far the weights brought back are from the sampler's."""
    server = {
        "url": asked.url,
        "backend": asked.backend,
        "rank": 8,
        "max_new_tokens": 24,
        "max_context": 2048,
    }
    parts = Components(
        load_config(
            preset="quick",
            flags={
                "domain": "retail",
                "policy": f"tinker:{asked.folder}",
                "executor": "asyncio",
                "temperature": 1.0,
                "message_limit": 40,
                "held_out_demonstrations": 2,
                "options": {"tinker": server, "asyncio": {"concurrency": 8}},
            },
        ),
        open_registry(),
    )
    started, cpu = time.monotonic(), time.process_time()
    policy: Any = parts.trainable()
    imitated = _train(
        parts,
        policy,
        "tinker-sft",
        {
            "max_steps": asked.sft_steps,
            "batch_size": asked.batch,
            "learning_rate": 1e-2,
            "max_length": asked.length,
        },
        asked.folder / "runs",
        demonstrations=shown(parts, 1),
        held_out=held_out(parts),
    )
    policy.save(asked.folder / "sft" / "model")
    tasks = list(islice(train_tasks(parts.setup, 1, 1.0), 2))
    shows = _played(parts, parts.teacher, [(task, 0, 1) for task in tasks])
    proofs = {episode.task.id: episode for episode in shows if episode.score.success}
    short = parts.changed(message_limit=6)  # what an untrained model says is soon seen
    reinforced = _train(
        short,
        policy,
        "tinker-grpo",
        {
            "max_steps": asked.grpo_steps,
            "tasks_per_step": 1,
            "num_generations": 2,
            "learning_rate": 1e-3,
            "loss": asked.loss,
            "proof_loss": asked.proof_loss,
            "proof_contrast": True,
        },
        asked.folder / "runs",
        tasks=tasks,
        proofs=proofs,
    )
    policy.save(asked.folder / "grpo" / "model")
    found = {
        "sft_loss": [point["loss"] for point in imitated["curve"]],
        "held_out_loss": imitated["held_out_loss"],
        "sft_seconds": imitated["seconds"],
        "grpo": reinforced["curve"],
        "proofs": reinforced["proofs"],
        "grpo_seconds": reinforced["seconds"],
        "gap_of_weights_back": _gap(short, policy, asked.folder / "grpo" / "model", tasks),
        "server_losses": reinforced["server_losses"],
        "seconds": round(time.monotonic() - started, 1),
        "own_cpu_seconds": round(time.process_time() - cpu, 1),
        "own_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    policy.remote.close()
    return found


def _train(
    parts: Components, policy: Any, name: str, options: Any, folder: Path, **given: Any
) -> Mapping[str, Any]:
    def rollouts(
        policy: Policy, jobs: Sequence[tuple[Task, int, int]], *, guided: int = 0, step: int = 0
    ) -> Sequence[Episode]:
        return _played(parts, policy, jobs)

    job = TrainingJob(
        policy=policy,
        domain=parts.domain,
        rollouts=rollouts,
        seed=1,
        folder=folder / name,
        progress=lambda step, steps, metrics: None,
        warn=lambda message: print(message, flush=True),
        **given,
    )
    return parts.registry.make("trainer", name, Settings(options=options)).train(job)


def _played(
    parts: Components, policy: Policy, jobs: Sequence[tuple[Task, int, int]]
) -> list[Episode]:
    listed = [
        RolloutJob(task=task, trial=trial, seed=seed, user_seed=stable_seed("user", task.id))
        for task, trial, seed in jobs
    ]
    return run_rollouts(listed, policy, parts.setup, parts.executor, keep_tokens=True)


def _gap(parts: Components, policy: Any, folder: Path, tasks: Sequence[Task]) -> float:
    """The largest difference, in nats, between log-probabilities that the server gave its own
    sampled tokens and those of the weights brought back, in transformers.
    """
    traces = [e.tokens for e in _played(parts, policy, [(task, 0, 7) for task in tasks])]
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    return max(_gap_of(model, trace) for trace in traces if trace is not None)


@torch.no_grad()
def _gap_of(model: Any, trace: TokenTrace) -> float:
    ids = torch.from_numpy(trace.ids.copy())
    known = model(ids[None]).logits[0, :-1].log_softmax(-1).gather(1, ids[1:, None])[:, 0]
    gaps = np.abs(known.numpy() - trace.logprobs[1:])[trace.sampled[1:]]
    return float(gaps.max())


if __name__ == "__main__":
    main()
