"""Conversations of both sides go into official files and come back: the official evaluator gives
our verdicts on what we write, and we give those that are recorded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from harness.evaluation.rollout import rollout
from harness.interchange.replay import regrade_all
from harness.llm.roles import open_registry
from harness.protocols import Domain, RolloutJob, RolloutSetup, Settings
from harness.types import Episode, Recording
from harness_tau2.formats import results_format

from .official import needs_tau2
from .telecom import environment, known_bill_ids

pytestmark = [
    needs_tau2,
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
]


def played(domain: Domain, policy: str, number: int) -> list[Episode]:
    """Conversations of the policy with the scripted user, through the loop of every rollout."""
    registry = open_registry()
    agent = registry.make("policy", policy, Settings(domain=domain))
    setup = RolloutSetup(
        domain=domain, user=registry.make("user simulator", "scripted", Settings())
    )

    async def all_of() -> list[Episode]:
        jobs = [RolloutJob(task=t, trial=0, seed=0) for t in domain.tasks("test")[:number]]
        return [await rollout(job, agent, setup) for job in jobs]

    return asyncio.run(all_of())


def telecom(name: str = "tau2-telecom", **options: Any) -> Domain:
    given = {"split": "base", **options}
    return open_registry().make("domain", name, Settings(options=given))


def test_the_oracle_passes_all_base_tasks_and_tells_the_user_what_to_do() -> None:
    episodes = played(telecom(), "oracle", 114)
    assert [e.task.id for e in episodes if not e.score.success] == []
    users = [
        c for e in episodes for m in e.trajectory.messages for c in m.calls if m.role == "user"
    ]
    assert len(users) > 300
    assert {call.requestor for call in users} == {"user"}


def test_one_that_does_nothing_passes_none() -> None:
    assert not any(episode.score.success for episode in played(telecom(), "noop", 20))


@pytest.mark.parametrize("options", [{}, {"compat": "fixed"}], ids=["tau2", "fixed"])
def test_the_workflow_has_the_same_tasks_and_another_policy(options: dict[str, Any]) -> None:
    manual, workflow = telecom(**options), telecom("tau2-telecom-workflow", **options)
    assert [t.id for t in manual.tasks("test")] == [t.id for t in workflow.tasks("test")]
    assert manual.policy != workflow.policy
    assert all(episode.score.success for episode in played(workflow, "oracle", 10))
    assert workflow.data_version.endswith("workflow")


def test_an_agent_alone_has_the_ticket_and_all_tools() -> None:
    domain = telecom(solo=True)
    episodes = played(domain, "oracle", 114)
    assert [e.task.id for e in episodes if not e.score.success] == []
    assert len(domain.tools) == 43
    assert domain.user_tools == ()
    first = episodes[0]
    official: Any = first.task.world["official"]
    assert first.trajectory.messages[1].content == official["ticket"]
    assert not any(m.calls for e in episodes for m in e.trajectory.messages if m.role == "user")


def test_the_splits_have_their_official_sizes() -> None:
    for split, size in {"base": 114, "full": 2285, "small": 20, "test": 40}.items():
        assert len(telecom(split=split).tasks("test")) == size


def test_no_official_task_has_a_problem() -> None:
    domain = telecom()
    assert [domain.problems(task) for task in domain.tasks("test") if domain.problems(task)] == []


def test_what_we_write_is_judged_officially_as_here_and_can_be_read_and_graded_again(
    tmp_path: Path,
) -> None:
    domain = telecom()
    episodes = [*played(domain, "oracle", 25), *played(domain, "noop", 5)]
    tasks = {e.task.id: e.task for e in episodes}
    recording = Recording(
        domain=domain.name, tasks=tuple(tasks.values()), episodes=tuple(episodes), about={}
    )
    path = tmp_path / "results.json"
    results_format(Settings()).write(recording, path)
    verdicts = [episode.score.success for episode in episodes]
    assert official_verdicts(json.loads(path.read_text())) == verdicts

    back = results_format(Settings()).read(path)
    assert back.domain == "tau2-telecom"
    assert [e.trajectory.messages for e in back.episodes] == [
        e.trajectory.messages for e in episodes
    ]
    again = regrade_all(back, domain, compared="all")
    assert [found.success for found in again] == verdicts
    assert [found.recorded for found in again] == verdicts


def official_verdicts(raw: dict[str, Any]) -> list[bool]:
    """Replays every call of both sides, and refuses those that answer otherwise."""
    from tau2.data_model.simulation import SimulationRun
    from tau2.data_model.tasks import Task
    from tau2.evaluator.evaluator_action import ActionEvaluator
    from tau2.evaluator.evaluator_env import EnvironmentEvaluator

    tasks = {each["id"]: Task.model_validate(each) for each in raw["tasks"]}
    verdicts = []
    with known_bill_ids():
        for each in raw["simulations"]:
            run, task = SimulationRun.model_validate(each), tasks[each["task_id"]]
            ended = EnvironmentEvaluator.calculate_reward(environment, task, run.messages).reward
            acted = ActionEvaluator.calculate_reward(task, run.messages).reward
            basis = [part.value for part in task.evaluation_criteria.reward_basis]
            well = each["termination_reason"] in ("user_stop", "agent_stop")
            verdicts.append(well and ended == 1 and (acted == 1 or "ACTION" not in basis))
    return verdicts
