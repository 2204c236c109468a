"""Our domains in verifiers, in an environment of its own (VERIFIERS_PYTHON)."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import harness_bridges

ROOT = Path(__file__).parents[3]
SERVED = """
import asyncio, json
from types import SimpleNamespace
from mcp.client import Client
from mcp.server.mcpserver import MCPServer
from harness.errors import RolloutFault
from harness_bridges.verifiers_taskset import (
    DomainConfig, DomainState, DomainTaskset, DomainTools, vf,
)

[task] = DomainTaskset(DomainConfig(count=1)).load()

async def main():
    tools = DomainTools(vf.ToolsetConfig())
    await tools.setup_task(task.data)
    server = MCPServer("retail")
    tools.register(server)
    async with Client(server) as session:
        listed = (await session.list_tools()).tools
        call = await session.call_tool("calculate", {"expression": "[1]"})
        opening = await session.call_tool("say", {"text": "What can I do for you?"})

    trace = SimpleNamespace(state=DomainState(fault="gone"))
    try:
        await task.done(trace)
        fault = ""
    except RolloutFault as raised:
        fault = str(raised)
    domain = tools.episode.domain
    print(json.dumps({
        "listed": {t.name: t.input_schema for t in listed},
        "wanted": {t.name: dict(t.parameters) for t in domain.tools},
        "policy": task.data.system_prompt == domain.policy,
        "said": [m.calls[0].arguments for m in tools.episode.messages if m.calls],
        "heard": opening.content[0].text,
        "fault": fault,
    }))

asyncio.run(main())
"""


def reader() -> str:
    """A Python that has verifiers and this project."""
    own = sys.executable if importlib.util.find_spec("verifiers") else ""
    if not (python := os.environ.get("VERIFIERS_PYTHON", own)):
        pytest.skip("verifiers is not installed; VERIFIERS_PYTHON may name a Python that has it")
    return python


def printed(*command: str) -> Any:
    done = subprocess.run(
        [reader(), *command], capture_output=True, text=True, timeout=500, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_package_names_its_taskset_and_loads_verifiers_for_it_alone() -> None:
    assert harness_bridges.__all__ == ["DomainTaskset"]
    loaded = "import sys, harness_bridges; print('verifiers' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", loaded], text=True).strip() == "False"
    with pytest.raises(AttributeError, match="nothing"):
        harness_bridges.nothing  # noqa: B018 (reading it is the test)


def test_a_rollout_s_server_has_the_domain_s_own_schemas_and_takes_arguments_as_they_are() -> None:
    found = printed("-c", SERVED)
    assert {*found["listed"]} == {*found["wanted"], "say"}
    for name, wanted in found["wanted"].items():
        seen = found["listed"][name]
        assert {*seen.get("required", [])} == {*wanted.get("required", [])}
        assert {*seen["properties"]} == {*wanted["properties"]}
        for key, schema in wanted["properties"].items():
            assert schema.items() <= seen["properties"][key].items()
    assert found["policy"]
    assert found["said"] == [{"expression": "[1]"}]
    assert found["heard"]
    assert "gone" in found["fault"]


def test_an_evaluation_of_verifiers_rewards_gold_calls_and_no_idle_agent() -> None:
    found = printed("benchmarks/bridges_verifiers.py", "--tasks", "2", "--json")
    arms = (("gold", 1.0, "agent_completed"), ("idle", 0.0, "late"))
    for arm, reward, stop in arms:
        assert found[arm]["rewards"] == [reward, reward], found
        assert found[arm]["stops"] == [stop]
        assert found[arm]["errors"] == []
        assert found[arm]["tools"] == 17
