"""Conversations of telecom are long, with steps of both sides; the tiny policy can read them."""

from __future__ import annotations

from itertools import islice

import pytest

from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import Conversation, RolloutJob, RolloutSetup, Settings
from harness.types import Recipe
from harness_asyncio.executor import asyncio_executor
from harness_scripted.expert import expert
from harness_scripted.user import scripted_user
from harness_telecom.domain import TelecomDomain

pytest.importorskip("torch")


def test_the_tiny_policy_has_room_for_the_longest_talks_and_detours() -> None:
    domain = TelecomDomain()
    jobs = [
        RolloutJob(task=task, trial=0, seed=1)
        for task in islice(domain.generate(5, Recipe()), 200)
    ]  # fmt: skip
    setup = RolloutSetup(domain=domain, user=scripted_user(Settings()))
    episodes = run_rollouts(jobs, expert(Settings()), setup, asyncio_executor(Settings()))
    longest = sorted(episodes, key=lambda episode: len(episode.trajectory.messages))[-20:]
    assert len(longest[-1].trajectory.messages) > 60
    tiny = open_registry().make("policy", "tiny", Settings(domain=domain))
    talks = [
        Conversation(id="x", task=e.task, domain=domain, messages=e.trajectory.messages)
        for e in longest
    ]
    tokens = [len(tiny.encode(talk).ids) for talk in talks]  # type: ignore[attr-defined]
    positions = tiny.model.config.max_position_embeddings  # type: ignore[attr-defined]
    assert max(tokens) < 0.7 * positions, (max(tokens), positions)
