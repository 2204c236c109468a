"""Time evaluation, one SFT step and one GRPO step of a policy that is a language model.

    python benchmarks/model_speed.py smollm2 [--domain retail] [--json]

Conversations are bounded: --messages after the greeting, --turn-tokens a turn. Seconds are CPU
seconds of this process, which on one thread are those of an idle machine's clock.

tokens_in are read by the model, tokens_out sampled; a step's tokens pass through it forward and
backward. GRPO's seconds hold those of its rollouts (rollout_s).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import (
    Conversation,
    Domain,
    Policy,
    RolloutJob,
    RolloutLimits,
    RolloutSetup,
    Settings,
    TrainablePolicy,
    Trainer,
    TrainingJob,
    WeightedTerm,
)
from harness.types import Episode, Recipe, Task, TermScore, Trajectory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("policy", help="As --policy of the harness: smollm2, or a folder.")
    parser.add_argument("--domain", default="retail")
    parser.add_argument("--tasks", type=int, default=4, help="Conversations evaluated at once.")
    parser.add_argument("--messages", type=int, default=4, help="At most, after the greeting.")
    parser.add_argument("--turn-tokens", type=int, default=24, help="At most, in a turn.")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="Print the figures as JSON.")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    bench = Bench(arguments)
    figures = {
        "threads": arguments.threads,
        "parameters": bench.policy.model.num_parameters(),
        "open_s": bench.open_s,
        "evaluation": bench.evaluation(),
        "sft": bench.sft(),
        "grpo": bench.grpo(),
    }
    print(json.dumps(figures, indent=2, allow_nan=False) if arguments.json else shown(figures))


class Bench:
    """One policy and one domain, and what is asked of them in turn."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.registry = open_registry()
        self.domain: Domain = self.registry.make("domain", arguments.domain, Settings())
        options = {"max_new_tokens": arguments.turn_tokens}
        started = time.process_time()
        policy: Policy = self.registry.make(
            "policy", arguments.policy, Settings(domain=self.domain, options=options)
        )
        self.open_s = round(time.process_time() - started, 1)
        assert isinstance(policy, TrainablePolicy), "the policy has no weights to train"
        self.policy = policy
        self.executor = self.registry.make("executor", "asyncio", Settings())
        self.setup = RolloutSetup(
            domain=self.domain,
            user=self.registry.make("user simulator", "scripted", Settings(domain=self.domain)),
            terms=[WeightedTerm(name="brevity", weight=1.0, term=brevity)],
            limits=RolloutLimits(message_limit=arguments.messages),
        )
        self.rollout_s = 0.0

    def evaluation(self) -> dict[str, Any]:
        """Conversations on held-out tasks, all at once."""
        tasks = self.domain.tasks("test")[: self.arguments.tasks]
        started = time.process_time()
        episodes = self.rollouts(self.policy, [(task, 0, n) for n, task in enumerate(tasks)])
        seconds = time.process_time() - started
        used = [episode.trajectory.usage["agent"] for episode in episodes]
        read, made = sum(u.tokens_in for u in used), sum(u.tokens_out for u in used)
        return {
            "tasks": len(tasks),
            **paced(seconds, read + made),
            "tokens_in": read,
            "tokens_out": made,
            "endings": dict(Counter(episode.trajectory.ended for episode in episodes)),
        }

    def sft(self) -> dict[str, Any]:
        """One step on one demonstration of the expert, whole."""
        tasks = list(islice(self.domain.generate(0, Recipe()), 2))
        expert = self.registry.make("policy", "expert", Settings(domain=self.domain))
        user = RolloutSetup(domain=self.domain, user=self.setup.user)
        jobs = [RolloutJob(task=task, trial=0, seed=0) for task in tasks]
        shown = run_rollouts(jobs, expert, user, self.executor)
        length = max(self._tokens(episode) for episode in shown)
        options = {"max_steps": 1, "batch_size": 1, "max_length": length, "learning_rate": 1e-5}
        started = time.process_time()
        record = self._trained("sft", options, demonstrations=iter(shown))
        return {**paced(time.process_time() - started, record["tokens"]), "loss": record["loss"]}

    def grpo(self) -> dict[str, Any]:
        """One step on one task, played twice."""
        tasks = list(islice(self.domain.generate(1, Recipe()), 1))
        options = {"max_steps": 1, "tasks_per_step": 1, "num_generations": 2, "learning_rate": 1e-6}
        started, self.rollout_s = time.process_time(), 0.0
        record = self._trained("grpo", {**options, "track_kl": False, "guard": False}, tasks=tasks)
        return {
            **paced(time.process_time() - started, record["tokens"]),
            "rollout_s": round(self.rollout_s, 1),
            "rollouts": record["rollouts"],
            "sampler_gap_max": record["final"].get("sampler_gap_max"),
            "grad_norm": record["final"].get("grad_norm"),
        }

    def rollouts(self, policy: Policy, jobs: Sequence[tuple[Task, int, int]]) -> list[Episode]:
        started = time.process_time()
        listed = [RolloutJob(task=task, trial=trial, seed=seed) for task, trial, seed in jobs]
        had = run_rollouts(listed, policy, self.setup, self.executor, keep_tokens=True)
        self.rollout_s += time.process_time() - started
        return had

    def _trained(self, name: str, options: dict[str, Any], **job: Any) -> dict[str, Any]:
        trainer: Trainer = self.registry.make("trainer", name, Settings(options=options))
        with tempfile.TemporaryDirectory() as scratch:
            return dict(
                trainer.train(
                    TrainingJob(
                        policy=self.policy,
                        domain=self.domain,
                        rollouts=self.rollouts,
                        seed=0,
                        folder=Path(scratch),
                        progress=lambda step, steps, metrics: None,
                        **job,
                    )
                )
            )

    def _tokens(self, episode: Episode) -> int:
        talk = Conversation(
            id="measured",
            domain=self.domain,
            task=episode.task,
            messages=episode.trajectory.messages,
        )
        return len(self.policy.encode(talk).ids)


def paced(seconds: float, tokens: int) -> dict[str, Any]:
    return {
        "cpu_s": round(seconds, 1),
        "tokens": tokens,
        "tokens_per_cpu_s": round(tokens / seconds, 1),
    }


def brevity(trajectory: Trajectory, grade: object, task: Task) -> TermScore:
    """Differs between any two conversations, so that a group has something to learn from."""
    said = sum(len(m.content) for m in trajectory.messages if m.role == "assistant")
    return TermScore(name="brevity", value=-min(said, 2000) / 2000)


def shown(figures: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    rows = ["| | |", "|---|---|"]
    for name, value in figures.items():
        pairs = value.items() if isinstance(value, dict) else [("", value)]
        rows += [f"| {f'{name} {key}'.strip()} | {found} |" for key, found in pairs]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
