"""Agent and customer as chat models of every provider, through its unmodified SDK."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.evaluation.rollout import rollout
from harness.llm.gateway import Gateway
from harness.llm.policy import llm_policy
from harness.llm.roles import open_registry
from harness.llm.user import llm_user
from harness.protocols import RolloutJob, RolloutSetup, Settings
from harness.protocols.chat_model import UNPARSED
from harness.testing.servers import ChatServer
from harness.testing.wires import Asked, Reply, Wire
from harness.types import Episode, ToolCall

Serve = Callable[[Wire, Callable[[Asked], Reply]], ChatServer]
WIRES = ("claude", "openai", "gemini")


def is_customer(asked: Asked) -> bool:
    return asked.system.startswith("You play a customer")


def lookup(order: str) -> ToolCall:
    return ToolCall(name="get_order_details", arguments={"order_id": order}, id=f"id_{order[1:]}")


def answering(*calls: ToolCall) -> Callable[[Asked], Reply]:
    """A customer that comes and goes, and an agent that makes these calls at once, then refuses."""

    def answer(asked: Asked) -> Reply:
        if is_customer(asked):
            return Reply(text="Hello." if len(asked.turns) == 1 else "Goodbye. ###STOP###")
        called = any("get_order_details" in text for _, text in asked.turns)
        return Reply(text="I am sorry, I cannot.") if called else Reply(calls=calls)

    return answer


def had(calls: Callable[..., Gateway], wire: Wire) -> Episode:
    registry, way = open_registry(), calls()
    domain = registry.make("domain", "retail", Settings())
    user = llm_user(way.chat("user", wire), Settings())
    policy = llm_policy(way.chat("agent", f"{wire}:some-model"), Settings())
    job = RolloutJob(task=domain.tasks("validation")[0], trial=0, seed=3)
    return asyncio.run(rollout(job, policy, RolloutSetup(domain=domain, user=user)))


@pytest.mark.parametrize("wire", WIRES)
def test_a_conversation_with_calls_goes_through(
    serve: Serve, calls: Callable[..., Gateway], wire: Wire
) -> None:
    server = serve(wire, answering(lookup("#W2"), lookup("#W1")))
    trajectory = had(calls, wire).trajectory
    assert trajectory.ended == "user_stop", trajectory.fault
    assert [call.arguments["order_id"] for call in trajectory.calls] == ["#W2", "#W1"]
    assert [r.call_id for r in trajectory.results] == [c.id for c in trajectory.calls]
    assert [trajectory.usage[role].calls for role in ("user", "agent")] == [2, 2]
    last_of_agent = [asked for asked in server.asked if not is_customer(asked)][-1]
    shown = " ".join(text for _, text in last_of_agent.turns)
    assert shown.index("#W2") < shown.index("#W1")
    assert "Order not found" in shown
    seen_by_customer = [asked.turns for asked in server.asked if is_customer(asked)]
    assert "Order not found" not in str(seen_by_customer)


@pytest.mark.parametrize("wire", WIRES)
def test_calls_with_malformed_arguments_fail_where_they_are_carried_out(
    serve: Serve, calls: Callable[..., Gateway], wire: Wire
) -> None:
    broken = ToolCall(name="get_order_details", arguments={UNPARSED: '{"order_id": '}, id="a")
    serve(wire, answering(broken))
    trajectory = had(calls, wire).trajectory
    assert trajectory.ended == "user_stop", trajectory.fault
    assert [result.is_error for result in trajectory.results] == [True]


@pytest.mark.parametrize("wire", WIRES)
def test_any_chat_model_can_be_evaluated(
    serve: Serve,
    wire: Wire,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = serve(wire, answering(lookup("#W2")))
    report = evaluated(wire, tmp_path, monkeypatch, capsys)
    (arm,) = report["arms"]
    assert (arm["tasks"], arm["trials"], arm["faults"]) == (2, 2, 0)
    assert (report["policy"], report["simulator"]) == (f"{wire}:some-model", wire)
    agents = [asked for asked in server.asked if not is_customer(asked)]
    assert {asked.model for asked in agents} == {"some-model"}
    temperature = '"temperature": 0.25'
    assert all(temperature in json.dumps(asked.body) for asked in agents)


def evaluated(
    wire: Wire,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Any:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    words = ["eval", "--domain", "retail", "--policy", f"{wire}:some-model", "--simulator", wire]
    limits = ["--tasks", "2", "--trials", "2", "--temperature", "0.25", "--json"]
    monkeypatch.setattr(sys, "argv", ["harness", *words, *limits])
    with pytest.raises(SystemExit) as left:
        main()
    written = capsys.readouterr()
    assert left.value.code == 0, written.err
    return json.loads(written.out)
