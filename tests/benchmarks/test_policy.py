"""What the benchmark of the tiny policy reports, and that its peer samples as the engine does."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from harness.llm.roles import open_registry
from harness.protocols import Conversation, Settings
from harness.types import Message, Recipe
from harness_local.policy import LocalPolicy
from harness_local.sampler import Limits

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SPEEDS = {
    "rollouts_per_s",
    "plain_rollouts_per_s",
    "rollouts_ratio",
    "grpo_step_s",
    "grpo_plain_step_s",
}
SHARES = {"bookkeeping_share", "grpo_limit_share", "sft_gemm_share", "sft_float32_gemm_share"}


@pytest.mark.slow
def test_every_figure_is_there_and_the_parts_make_up_the_whole() -> None:
    script = [sys.executable, str(BENCHMARKS / "policy.py"), "--quick", "--json"]
    words = ["--base", "untrained", "--sft-seconds", "2"]
    done = subprocess.run([*script, *words], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["rollouts"] == 4
    assert all(found[name] > 0 for name in SPEEDS)
    assert all(0 < found[name] < 1 for name in SHARES)
    assert found["rollouts_ratio"] == pytest.approx(
        found["rollouts_per_s"] / found["plain_rollouts_per_s"]
    )
    assert sum(found["time_shares"].values()) == pytest.approx(1)
    assert min(found["time_shares"].values()) >= 0
    parts = ("grpo_sampling_s", "grpo_learning_s", "grpo_bookkeeping_s")
    assert sum(found[name] for name in parts) == pytest.approx(found["grpo_step_s"])
    assert set(found["cpu"]) == {"name", "avx512_bf16", "amx"}


def test_the_peer_says_what_the_engine_says_where_chance_has_no_part(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    from plain_generate import plain_policy

    torch.manual_seed(0)
    registry = open_registry()
    domain = registry.make("domain", "retail", Settings())
    options = {"base": "untrained", "tasks": 2, "max_new_tokens": 12}
    settings = Settings(domain=domain, folder=tmp_path, options=options)
    policy = registry.make("policy", "tiny", settings)
    assert isinstance(policy, LocalPolicy)
    policy.set_temperature(1e-4)
    limits = Limits(max_new_tokens=12, max_context=2048, slots=4)
    plain = plain_policy(policy, limits, temperature=1e-4)
    task = next(iter(domain.generate(0, Recipe())))

    async def talk(speaker: LocalPolicy, words: str) -> list[list[int]]:
        messages = [Message(role="assistant", content="Hi!"), Message(role="user", content=words)]
        said = []
        for _ in range(2):
            told = Conversation(id=words, domain=domain, task=task, messages=tuple(messages))
            turn = await speaker.act(told, seed=0)
            assert turn.tokens is not None
            said.append(list(turn.tokens.sampled))
            messages += [turn.message, Message(role="user", content="Go on.")]
        speaker.forget(words)
        return said

    async def both(speaker: LocalPolicy) -> list[list[list[int]]]:
        talks = [talk(speaker, words) for words in ("Cancel it.", "Where is my order, please?")]
        return list(await asyncio.gather(*talks))

    assert asyncio.run(both(plain)) == asyncio.run(both(policy))


def test_time_within_time_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    from stopwatch import Stopwatch

    class Clock:
        now = 0.0

        def tick(self) -> None:
            self.now += 1

        def tock(self) -> None:
            self.tick()
            self.now += 2

    clock = Clock()
    monkeypatch.setattr("stopwatch.process_time", lambda: clock.now)
    watch = Stopwatch()
    with watch.watching(("inner", Clock, "tick"), ("outer", Clock, "tock")):
        clock.tick()
        clock.tock()
    clock.tock()
    assert dict(watch.seconds) == {"inner": 1.0, "outer": 3.0}
