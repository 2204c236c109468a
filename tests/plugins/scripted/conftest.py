"""Fixtures that let the scripted parts play against the weather-alert domain."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import pytest

from harness.evaluation.rollout import run_rollouts
from harness.protocols import (
    Conversation,
    Domain,
    Policy,
    RolloutJob,
    RolloutSetup,
    Settings,
    UserTurn,
)
from harness.types import (
    Episode,
    Fact,
    Message,
    Recipe,
    Request,
    Revision,
    Scenario,
    Task,
    ToolCall,
)
from harness_asyncio.executor import asyncio_executor
from harness_scripted.user import scripted_user

WEATHER = Path(__file__).parents[2] / "thirdparty" / "harness_weather"


@pytest.fixture(scope="session")
def weather() -> Domain:
    sys.path.insert(0, str(WEATHER))
    try:
        from harness_weather.domain import Weather
    finally:
        sys.path.remove(str(WEATHER))
    return Weather()


@pytest.fixture(scope="session")
def tasks(weather: Domain) -> list[Task]:
    """Three hundred generated tasks of the domain's default mix."""
    return list(islice(weather.generate(5, Recipe()), 300))


Play = Callable[..., list[Episode]]


@pytest.fixture(scope="session")
def play(weather: Domain) -> Play:
    """Roll a policy out against the scripted user, one conversation for each task."""

    def play(policy: Policy, tasks: Sequence[Task], seed: int = 0) -> list[Episode]:
        jobs = [RolloutJob(task=task, trial=0, seed=seed + n) for n, task in enumerate(tasks)]
        setup = RolloutSetup(domain=weather, user=scripted_user(Settings()))
        return run_rollouts(jobs, policy, setup, asyncio_executor(Settings()))

    return play


Chat = Callable[..., list[UserTurn]]


@pytest.fixture(scope="session")
def chat(weather: Domain) -> Chat:
    """The user's turns: its opening, then one answer to each thing that the agent says."""

    def chat(task: Task, *said: str, seed: int = 0) -> list[UserTurn]:
        user = scripted_user(Settings())
        messages: list[Message] = []
        turns: list[UserTurn] = []
        for content in (weather.greeting, *said):
            messages.append(Message(role="assistant", content=content))
            conversation = Conversation(
                id="chat", domain=weather, task=task, messages=tuple(messages)
            )
            turn = asyncio.run(user.reply(task, conversation, seed=seed + len(messages)))
            messages.append(turn.message)
            turns.append(turn)
        return turns

    return chat


@pytest.fixture
def shop_task() -> Task:
    """Cancel an order (paid back to a gift card), then something that must be refused."""
    want = ToolCall(
        name="cancel_order", arguments={"order_id": "#W1", "payment_method_id": "gift_card_7"}
    )
    order = Fact(
        about="which order",
        asked_by=("order",),
        says=("It is order #W1.",),
        recognised_by=("#w1",),
        conflicts_with=("#w2",),
        needed_for=("order_id",),
    )
    payment = Fact(
        about="where the refund should go",
        asked_by=("refund", "payment"),
        says=("I want to use my gift card.",),
        recognised_by=("gift card",),
        conflicts_with=("credit card", "paypal"),
        needed_for=("payment_method_id",),
    )
    cancel = Request(
        kind="cancel",
        says=("I want to cancel an order.", "Please cancel an order of mine."),
        facts=(order, payment),
        want=want,
        verbs=("cancel",),
    )
    refused = Request(
        kind="refund",
        says=("Also, refund my shipping fee.",),
        verbs=("refund",),
        outcome="refused",
        refusal="shipping is never refunded",
    )
    email = Fact(
        about="your email",
        asked_by=("email",),
        says=("My email is a.b@example.com.", "You have me as a.b@example.com."),
        needed_for=("email",),
    )
    scenario = Scenario(reason="", identity=(email,), requests=(cancel, refused))
    return Task(id="shop", domain="shop", split="train", scenario=scenario, world={}, gold=(want,))


@pytest.fixture
def undecided_task() -> Task:
    """Send by sms at first; by email once sms is offered."""
    calls = [
        ToolCall(name="add_alert", arguments={"hazard": "frost", "channel": channel})
        for channel in ("sms", "email")
    ]
    how = Fact(
        about="the channel",
        asked_by=("channel",),
        says=("By sms.",),
        recognised_by=("sms",),
        conflicts_with=("email", "call"),
        needed_for=("channel",),
    )
    request = Request(
        kind="add",
        says=("Warn me about frost.",),
        facts=(how,),
        want=calls[1],
        verbs=("add",),
        revision=Revision(proposal=calls[0], says=("Wait, use email instead.",)),
    )
    scenario = Scenario(reason="", requests=(request,))
    return Task(
        id="undecided", domain="shop", split="train", scenario=scenario, world={}, gold=(calls[1],)
    )
