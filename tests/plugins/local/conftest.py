"""A shop small enough to read, and the tiny model built for it once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest
import torch

from harness.evaluation.domain_defaults import DomainDefaults
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import Conversation, Domain, RolloutJob, RolloutSetup, Settings
from harness.types import (
    Changes,
    Episode,
    Message,
    Recipe,
    Request,
    Scenario,
    Split,
    Task,
    Tool,
    ToolCall,
    ToolResult,
)
from harness_local.opening import tiny_policy
from harness_local.policy import LocalPolicy

torch.set_num_threads(1)

_SCHEMA = {
    "type": "object",
    "properties": {
        "order_id": {"type": "string"},
        "item_ids": {"type": "array", "items": {"type": "string"}},
        "amount": {"type": "number"},
        "count": {"type": "integer"},
        "gift": {"type": "boolean"},
        "address": {"type": "object"},
        "guests": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"guest_id": {"type": "string"}, "age": {"type": "integer"}},
            },
        },
    },
}

ORDER = {
    "order_id": "#W2611340",
    "items": [
        {"name": "Jigsaw Puzzle", "item_id": "6245746168", "price": 294.47, "options": {"n": "15"}},
        {"name": "Water Bottle", "item_id": "3453331371", "price": 52.79, "options": {"n": "20"}},
    ],
    "status": "pending",
    "cancel_reason": None,
}


def demonstrations(domain: Domain, *, seed: int, count: int) -> list[Episode]:
    """The expert on tasks of the default mix."""
    make = open_registry().make
    setup = RolloutSetup(domain=domain, user=make("user simulator", "scripted", Settings()))
    tasks = islice(domain.generate(seed, Recipe()), count)
    jobs = [RolloutJob(task=task, trial=0, seed=0) for task in tasks]
    teacher = make("policy", "expert", Settings())
    return list(run_rollouts(jobs, teacher, setup, make("executor", "asyncio", Settings())))


class ShopWorld:
    def call(self, call: ToolCall) -> ToolResult:
        if call.name == "get_order":
            return ToolResult(content=json.dumps(ORDER))
        return ToolResult(content=f"Error: Tool '{call.name}' not found.", is_error=True)

    def changes(self) -> Changes:
        return ()


class Shop(DomainDefaults):
    name = "shop"
    policy = "Ask before you change an order."
    greeting = "Hello!"
    tools = (
        Tool(name="get_order", description="One order.", parameters=_SCHEMA, kind="read"),
        Tool(name="change_order", description="Change it.", parameters=_SCHEMA, kind="write"),
    )

    def tasks(self, split: Split) -> Sequence[Task]:
        says = ("I want to return the jigsaw puzzle of order #W2611340.", "Please cancel it.")
        scenario = Scenario(reason="A return.", requests=(Request(kind="return", says=says),))
        return [Task(id="1", domain="shop", split=split, scenario=scenario, world={})]

    def open(self, task: Task) -> ShopWorld:
        return ShopWorld()

    def solve(self, task: Task) -> Sequence[Sequence[ToolCall]]:
        return [[ToolCall(name="get_order", arguments={"order_id": "#W2611340"})]]


@pytest.fixture(scope="session")
def shop() -> Shop:
    return Shop()


@pytest.fixture(scope="session")
def tiny_folder(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    options = {"base": "untrained", "tasks": 1, "vocabulary": 600}
    tiny_policy(Settings(domain=shop, folder=folder, options=options))
    return folder / "tiny"


@pytest.fixture
def tiny(shop: Shop, tiny_folder: Path) -> LocalPolicy:
    options = {
        "base": "untrained",
        "tasks": 1,
        "vocabulary": 600,
        "temperature": 1.0,
        "max_new_tokens": 12,
    }
    policy = tiny_policy(Settings(domain=shop, folder=tiny_folder.parent, options=options))
    assert isinstance(policy, LocalPolicy)
    return policy


@pytest.fixture
def talk(shop: Shop) -> Conversation:
    """A finished conversation with a call, its result, and the user's last word."""
    call = ToolCall(name="get_order", arguments={"order_id": "#W2611340"}, id="call_2")
    messages = (
        Message(role="assistant", content=shop.greeting),
        Message(role="user", content="What is in order #W2611340?"),
        Message(role="assistant", calls=(call,)),
        Message(role="tool", content=json.dumps(ORDER), call_id="call_2"),
        Message(role="assistant", content="A puzzle, item 6245746168, and a bottle."),
        Message(role="user", content="Thanks, bye."),
    )
    return Conversation(id="a", domain=shop, task=shop.tasks("train")[0], messages=messages)
