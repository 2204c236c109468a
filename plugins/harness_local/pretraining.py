"""Pre-train the base of the tiny policy on conversations of many invented businesses.

``python -m harness_local.pretraining --out FOLDER --minutes 60``: the folder gets an ordinary
Hugging Face model, its tokenizer, codec.json, and training.json, the record of its training. A
killed run resumes from its last snapshot when started again with the same arguments; ``--work`` is
the folder of snapshots.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from importlib.metadata import version
from itertools import chain, islice
from pathlib import Path

from harness.assembly.registry import Registry
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import (
    Conversation,
    Domain,
    Policy,
    RolloutJob,
    RolloutSetup,
    Settings,
    TrainingJob,
)
from harness.types import Episode, Json, Recipe, Task, TokenTrace, stable_seed
from harness_local.corpus import corpus
from harness_local.opening import Options, open_model
from harness_local.policy import LocalPolicy
from harness_local.tiny import Shape, build_model
from harness_local.tokenizer import train_tokenizer

RECORD = "training.json"
SHAPE = Shape(vocabulary=3072)
_TOKENIZER_BUSINESSES = 60
_TOKENIZER_TASKS = 12
_HELD_OUT = 1_000_000
"""The first held-out business: neither it nor any later one is trained on."""
_AT_ONCE = 32
"""Businesses whose conversations are interleaved, so that a batch has many of them."""
_EACH = 8
"""Conversations of a business before another replaces it."""
_SLIPS = 0.02
_SAVE_SECONDS = 180


class Student(LocalPolicy):
    """The trained policy: each conversation is encoded with the tools of its own business."""

    def encode(self, conversation: Conversation) -> TokenTrace:
        return super().encode(replace(conversation, domain=_business_of(conversation.task)))


def main() -> None:
    """Read the command line and pre-train."""
    parser = argparse.ArgumentParser(prog="python -m harness_local.pretraining")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    parser.add_argument("--work", type=Path, default=Path("runs/base-model"))
    parser.add_argument("--start", type=Path, help="a base to continue from")
    parser.add_argument("--minutes", type=float, default=60.0, help="training time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--layers", type=int, default=SHAPE.layers)
    parser.add_argument("--hidden", type=int, default=SHAPE.hidden)
    given = parser.parse_args()
    shape = replace(SHAPE, layers=given.layers, hidden=given.hidden, feedforward=3 * given.hidden)
    options: dict[str, Json] = {
        "seconds": 60 * given.minutes,
        "max_steps": 10**6,
        "batch_size": given.batch_size,
        "threads": given.threads,
        "eval_steps": 100,
        "save_steps": 100,
        "patience": 10**6,
    }
    if given.start is not None and not (given.work / "start").exists():
        shutil.copytree(given.start, given.work / "start")
    pretrain(given.out, given.work, shape, options, seed=given.seed)


def pretrain(
    out: Path, work: Path, shape: Shape, options: Mapping[str, Json], *, seed: int
) -> None:
    """Write the pre-trained model to ``out``, and a snapshot to ``work`` every few minutes.

    options: those of the trainer ``sft``.
    """
    start = work / "start"
    if not (start / "config.json").exists():
        tokenizer = train_tokenizer(
            chain.from_iterable(
                corpus(_business(n), seed=seed, tasks=_TOKENIZER_TASKS)
                for n in range(_TOKENIZER_BUSINESSES)
            ),
            size=shape.vocabulary,
            aliases=shape.aliases,
            tools=(),
            arguments=(),
            longest=shape.positions,
        )
        build_model(start, tokenizer, shape, seed=seed)
    student = open_model(str(start), Options(), name="tiny", kind=Student)
    started, saved = time.monotonic(), [time.monotonic()]

    def progress(step: int, steps: int, metrics: Mapping[str, float]) -> None:
        if time.monotonic() - saved[0] > _SAVE_SECONDS:
            saved[0] = time.monotonic()
            student.save(work / "latest")
        if step % 20 == 0:
            shown = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
            seconds = time.monotonic() - started
            sys.stderr.write(f"{seconds:.0f} s, step {step} of {steps}: {shown}\n")

    trainer = _registry().make("trainer", "sft", Settings(options=options))
    record = trainer.train(
        TrainingJob(
            policy=student,
            domain=_business(0),
            rollouts=_no_rollouts,
            seed=seed,
            folder=work / "scratch",
            progress=progress,
            demonstrations=talks(range(10**5), seed=seed),
            held_out=list(islice(talks(range(_HELD_OUT, _HELD_OUT + _AT_ONCE), seed=seed), 96)),
        )
    )
    student.save(out)
    shutil.rmtree(work / "scratch", ignore_errors=True)
    about = _about(shape, options, record, seed=seed)
    if (before := start / RECORD).exists():
        about["went_on_from"] = json.loads(before.read_text())
    (out / RECORD).write_text(json.dumps(about, indent=1) + "\n")


def talks(businesses: Sequence[int], *, seed: int) -> Iterator[Episode]:
    """Demonstrations of many businesses, interleaved; each used-up business is replaced."""
    waiting = iter(businesses)
    running = deque(_talks_of(n, seed) for n in islice(waiting, _AT_ONCE))
    while running:
        stream = running.popleft()
        episode = next(stream, None)
        if episode is not None:
            yield episode
            running.append(stream)
        elif (n := next(waiting, None)) is not None:
            running.append(_talks_of(n, seed))


def _talks_of(number: int, seed: int) -> Iterator[Episode]:
    make = _registry().make
    teacher: Policy = make("policy", "expert", Settings(options={"slips": _SLIPS}))
    domain, user = _business(number), make("user simulator", "scripted", Settings())
    tasks = islice(domain.generate(seed, Recipe()), _EACH)
    jobs = [RolloutJob(task=task, trial=0, seed=stable_seed(seed, task.id)) for task in tasks]
    executor = make("executor", "asyncio", Settings())
    episodes = run_rollouts(jobs, teacher, RolloutSetup(domain=domain, user=user), executor)
    return (episode for episode in episodes if episode.score.success)


@lru_cache(maxsize=1)
def _registry() -> Registry:
    return open_registry()


@lru_cache(maxsize=4 * _AT_ONCE)
def _business(number: int) -> Domain:
    return _registry().make("domain", f"invented:{number}", Settings())


def _business_of(task: Task) -> Domain:
    return _business(int(str(task.world["business"])))


def _no_rollouts(
    policy: Policy, jobs: Sequence[tuple[Task, int, int]], *, guided: int = 0, step: int = 0
) -> Sequence[Episode]:
    raise AssertionError("SFT needs no rollouts")


def _about(
    shape: Shape, options: Mapping[str, Json], record: Mapping[str, Json], *, seed: int
) -> dict[str, Json]:
    packages = ("errata-harness", "torch", "transformers", "trl", "tokenizers")
    return {
        "data": "demonstrations of the policy expert in the domains invented:0, invented:1, ...",
        "slips": _SLIPS,
        "talks_per_business": _EACH,
        "seed": seed,
        "shape": dict(asdict(shape)),
        "trainer": "sft",
        "options": dict(options),
        "training": dict(record),
        "versions": {name: version(name) for name in packages},
        "machine": {"python": platform.python_version(), "cpus": os.cpu_count()},
    }


if __name__ == "__main__":
    main()
