"""Our domains driven by other libraries: MCP, TRL, Gymnasium."""

import asyncio
import inspect
import json
from typing import Any

import pytest

from harness.errors import ConfigError, RolloutFault
from harness.protocols import Domain
from harness.types import Task
from harness_bridges.episodes import Episode, open_domain, tasks_of

GOODBYE = "It is done. Is there anything else?"


@pytest.fixture(scope="module")
def retail() -> Domain:
    return open_domain("retail")


@pytest.fixture(scope="module")
def task(retail: Domain) -> Task:
    return tasks_of(retail, "train", 1)[0]


def solution(domain: Domain, task: Task) -> list[tuple[str, dict[str, Any]]]:
    groups = domain.solve(task) or ()
    return [(call.name, dict(call.arguments)) for group in groups for call in group]


def test_a_conversation_is_opened_by_the_user_and_graded_by_the_domain(
    retail: Domain, task: Task
) -> None:
    episode = Episode(retail, task)
    assert episode.opening
    assert episode.reward() == 0.0
    for name, arguments in solution(retail, task):
        episode.call(name, arguments)
    while episode.ended is None:
        assert episode.say(GOODBYE)
    assert episode.reward() == 1.0
    assert "over" in episode.call("get_user_details", {})
    assert episode.say("Hello?") == ""


def test_bad_calls_are_answered_in_words_and_worlds_are_apart(retail: Domain, task: Task) -> None:
    episode = Episode(retail, task)
    assert episode.result("no_such_tool", {}).is_error
    for name, arguments in solution(retail, task):
        episode.call(name, arguments)
    assert Episode(retail, task).world.changes() == ()


def test_a_user_that_fails_is_no_reward(retail: Domain, task: Task) -> None:
    episode = Episode(retail, task)
    episode.fault = "gone"
    with pytest.raises(RolloutFault):
        episode.reward()


def test_more_held_out_tasks_than_there_are_is_an_error(retail: Domain) -> None:
    with pytest.raises(ConfigError, match="test tasks"):
        tasks_of(retail, "test", 100_000)


def test_trl_sees_each_tool_with_its_schema_and_gets_the_reward(retail: Domain) -> None:
    schema_of = pytest.importorskip("transformers.utils").get_json_schema
    from harness_bridges.trl import dataset, environment_factory

    [row] = dataset("retail", count=1)
    environment = environment_factory("retail", count=1)()
    methods = {
        name: getattr(environment, name)
        for name, _ in inspect.getmembers(type(environment), predicate=inspect.isfunction)
        if name not in ("reset", "get_reward") and not name.startswith("_")
    }
    assert {*methods} == {*(tool.name for tool in retail.tools), "say"}
    for tool in retail.tools:
        seen = schema_of(methods[tool.name])["function"]["parameters"]
        wanted: Any = tool.parameters
        assert {*seen["properties"]} == {*wanted["properties"]}
        assert {*seen.get("required", [])} == {*wanted.get("required", [])}
    assert environment.reset(**row)
    task = tasks_of(retail, "train", 1)[0]
    for name, arguments in solution(retail, task):
        methods[name](**arguments)
    for _ in range(20):
        environment.say(GOODBYE)
    assert environment.get_reward() == 1.0
    assert environment.reset(**row)
    assert environment.get_reward() == 0.0


def test_gymnasium_s_own_check_passes_and_a_solved_task_is_rewarded(retail: Domain) -> None:
    checker = pytest.importorskip("gymnasium.utils.env_checker")
    from harness_bridges.gymnasium_env import DomainEnv

    checker.check_env(DomainEnv("retail", count=2, max_steps=3), skip_render_check=True)
    env = DomainEnv("retail", count=1)
    _, info = env.reset(seed=1)
    for name, arguments in solution(retail, env.tasks[0]):
        _, reward, *_ = env.step(json.dumps({"call": name, "arguments": arguments}))
        assert reward == 0.0
    ended = False
    while not ended:
        _, reward, ended, cut, _ = env.step(json.dumps({"say": GOODBYE}))
        assert not cut
    assert reward == 1.0
    assert len(info["tools"]) == len(retail.tools)
    env.reset(options={"task_id": info["task_id"]})
    assert "as JSON" in env.step("nonsense")[0]


def test_an_mcp_client_lists_tools_talks_and_is_graded(retail: Domain) -> None:
    client = pytest.importorskip("mcp.client")
    from harness_bridges.mcp_server import DomainServer

    tasks = list(tasks_of(retail, "train", 2))
    served = DomainServer(retail, tasks)

    async def talk() -> tuple[set[str], dict[str, Any], bool]:
        async with client.Client(served.server) as session:
            names = {tool.name for tool in (await session.list_tools()).tools}
            assert (await session.call_tool("talk_to_user", {})).content[0].text
            for name, arguments in solution(retail, tasks[0]):
                await session.call_tool(name, arguments)
            for _ in range(20):
                await session.call_tool("talk_to_user", {"text": GOODBYE})
            verdict = await session.call_tool("finish", {})
            bad = await session.call_tool("get_order_details", {"order_id": "#x"})
            return names, json.loads(verdict.content[0].text), bool(bad.is_error)

    names, verdict, failed = asyncio.run(talk())
    assert {tool.name for tool in retail.tools} < names
    assert verdict == {"task": tasks[0].id, "reward": 1.0}
    assert failed
    assert served.episode.task.id == tasks[1].id
