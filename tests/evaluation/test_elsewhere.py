"""Rollouts are described in few bytes, and made again from them in another process."""

from __future__ import annotations

import asyncio
import io
import pickle
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.elsewhere.references import made_again, reference, resolved
from harness.errors import HarnessError
from harness.evaluation.in_order import gather_in_order, in_order
from harness.evaluation.rollout import Rollout
from harness.llm.roles import open_registry
from harness.protocols import Products, RolloutJob, stays_here
from harness_asyncio.executor import AsyncioExecutor

REWARDS = {"task_success": 1.0, "gold_writes": 0.5, "repeated_calls": 0.1}


class Departing(pickle.Pickler):
    def __init__(self, file: io.BytesIO, products: Products) -> None:
        super().__init__(file)
        self._products = products

    def persistent_id(self, value: Any) -> Any:
        return reference(value, self._products)


class Arriving(pickle.Unpickler):
    def __init__(self, pickled: bytes, products: Products) -> None:
        super().__init__(io.BytesIO(pickled))
        self._products = products

    def persistent_load(self, found: Any) -> object:
        return resolved(found, self._products)


def departed(value: object, products: Products) -> bytes:
    file = io.BytesIO()
    Departing(file, products).dump(value)
    return file.getvalue()


def parts_of(**flags: Any) -> Components:
    config = load_config(preset="quick", flags={"domain": "retail", "policy": "expert", **flags})
    return Components(config, open_registry())


def elsewhere(parts: Components) -> Components:
    return made_again(pickle.loads(pickle.dumps(parts.recipe)), parts.calls)


def test_a_setup_with_reward_terms_travels_in_few_bytes_and_plays_the_same() -> None:
    parts = parts_of(rewards=REWARDS)
    function = Rollout(parts.policy(), parts.setup)
    pickled = departed(function, parts)
    assert len(pickled) < 1000
    assert len(departed(parts.setup, parts)) < 60
    again = Arriving(pickled, elsewhere(parts)).load()
    assert isinstance(again, Rollout)
    assert again.setup.domain is not parts.domain
    for trial, task in enumerate(parts.domain.tasks("test")[:3]):
        job = RolloutJob(task=task, trial=trial, seed=trial)
        episode = asyncio.run(function(job))
        assert asyncio.run(again(job)) == episode
        assert {term.name for term in episode.score.terms} >= set(REWARDS)


def test_a_role_keeps_its_way_to_the_chat_models_of_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "no-key")
    parts = parts_of(simulator="openai:some-model", judge="openai:some-model")
    function = Rollout(parts.policy(), parts.setup)
    asked: list[tuple[str, str]] = []
    chat = parts.calls.chat

    class Calls:
        def chat(self, role: Any, spec: str) -> Any:
            asked.append((role, spec))
            return chat(role, spec)

    pickled = departed((function, parts.calls.chat("judge", "openai:some-model")), parts)
    again, _ = Arriving(pickled, made_again(parts.recipe, Calls())).load()  # type: ignore[arg-type]
    assert again.setup.user is not parts.user
    assert sorted(set(asked)) == [("judge", "openai:some-model"), ("user", "openai:some-model")]
    assert parts.calls.models() == {"openai:some-model": "some-model"}


def test_nothing_that_only_looks_like_a_product_is_one() -> None:
    parts = parts_of()
    parts.check(training=False)
    for value in (None, (), [], {}, 0, "", parts.config):
        assert parts.place_of(value) is None
    assert parts.at("domain") is parts.domain
    assert parts.at(str(parts.place_of(parts))) is parts


def test_the_versions_of_a_run_name_the_distributions_its_products_come_from() -> None:
    assert set(parts_of().versions) == {"errata-harness"}


class Watching(AsyncioExecutor):
    """Says which functions must stay in the process."""

    def __init__(self) -> None:
        super().__init__(4)
        self.stayed: list[bool] = []

    def map(self, function: Callable[[Any], Awaitable[Any]], items: Any) -> Any:
        self.stayed.append(stays_here(function))
        return super().map(function, items)


def test_what_judges_remember_stays_in_the_process_and_rollouts_need_not() -> None:
    async def one(item: int) -> int:
        return item

    async def refused(item: int) -> int:
        raise HarnessError("no", hint="never")

    executor = Watching()
    assert in_order(executor, one, range(3)) == [0, 1, 2]
    assert in_order(executor, one, range(3), stays_here=True) == [0, 1, 2]
    asyncio.run(gather_in_order(executor, one, range(3), stays_here=True))
    assert executor.stayed == [False, True, True]
    with pytest.raises(HarnessError, match="no"):
        in_order(executor, refused, range(3))
