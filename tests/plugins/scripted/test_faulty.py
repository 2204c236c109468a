"""Users that go wrong on purpose, agents that listen to them, and rules that find who did."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import pytest

from harness.errors import ConfigError
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import Domain, Policy, RolloutJob, RolloutSetup, Settings, UserSimulator
from harness.types import Diagnosis, Episode, Json, Recipe, Task
from harness_asyncio.executor import asyncio_executor
from harness_scripted.acting_faults import ACTING
from harness_scripted.expert import expert, noisy
from harness_scripted.faulty import FAULTS, FaultyUser, faulty_user
from harness_scripted.judge import rule_judge
from harness_scripted.user import scripted_user


@pytest.fixture(scope="module")
def retail() -> Domain:
    return open_registry().make("domain", "retail", Settings())


@pytest.fixture(scope="module")
def retail_tasks(retail: Domain) -> list[Task]:
    return list(islice(retail.generate(71, Recipe()), 120))


def talks(
    domain: Domain, tasks: Sequence[Task], agent: Policy, user: UserSimulator
) -> list[Episode]:
    jobs = [RolloutJob(task=task, trial=0, seed=seed) for seed, task in enumerate(tasks)]
    return run_rollouts(
        jobs, agent, RolloutSetup(domain=domain, user=user), asyncio_executor(Settings())
    )


def judged(episode: Episode, domain: Domain) -> Diagnosis:
    return asyncio.run(rule_judge(Settings()).diagnose(episode, domain))


def listener() -> Policy:
    return expert(Settings(options={"listens": True, "wording": "varied"}))


def varied_user() -> UserSimulator:
    return scripted_user(Settings(options={"wording": "varied"}))


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind not in ACTING])
def test_each_fault_costs_the_outcome_and_is_found_and_named(
    kind: str, retail: Domain, retail_tasks: list[Task]
) -> None:
    user = faulty_user(Settings(options={"kinds": [kind]}))
    assert isinstance(user, FaultyUser)
    fits = [bool(user.planted(retail, task, seed)) for seed, task in enumerate(retail_tasks)]
    episodes = talks(retail, retail_tasks, listener(), user)
    failed = [e for e, fit in zip(episodes, fits, strict=True) if fit and not e.grade.success]
    assert failed
    assert all(e.grade.success for e, fit in zip(episodes, fits, strict=True) if not fit)
    found = [(d.blame, d.kind) for d in (judged(e, retail) for e in failed)]
    assert found.count(("user_simulator", kind)) >= 0.9 * len(found), found


def test_an_agent_that_listens_to_a_good_user_solves_every_task(
    retail: Domain, retail_tasks: list[Task]
) -> None:
    episodes = talks(retail, retail_tasks, listener(), varied_user())
    assert [e.task.tags for e in episodes if not e.grade.success] == []


def test_good_users_and_tasks_are_not_blamed_for_the_agents_mistakes(
    retail: Domain, retail_tasks: list[Task]
) -> None:
    agent = noisy(Settings(argument="1", options={"wording": "varied"}))
    failed = [
        e for e in talks(retail, retail_tasks, agent, varied_user())
        if not e.grade.success and not e.uncounted
    ]  # fmt: skip
    assert len(failed) > 60
    assert {judged(episode, retail).blame for episode in failed} == {"agent"}


def test_a_user_without_faults_is_the_scripted_one(
    retail: Domain, retail_tasks: list[Task]
) -> None:
    few = retail_tasks[:20]
    agent = expert(Settings())
    with_none = talks(retail, few, agent, faulty_user(Settings(argument="0")))
    plain = talks(retail, few, agent, varied_user())
    assert [e.trajectory.messages for e in with_none] == [e.trajectory.messages for e in plain]


def test_the_rate_is_the_share_of_faulty_conversations(
    retail: Domain, retail_tasks: list[Task]
) -> None:
    user = faulty_user(Settings(argument="0.3"))
    assert isinstance(user, FaultyUser)
    planted = [user.planted(retail, task, seed) for seed, task in enumerate(retail_tasks)]
    assert 0.15 < sum(fault is not None for fault in planted) / len(planted) < 0.45


@pytest.mark.parametrize(
    ("argument", "options", "word"),
    [("2", {}, "rate"), ("x", {}, "rate"), ("1", {"kinds": ["rude"]}, "rude")],
)
def test_impossible_users_are_refused(argument: str, options: dict[str, Json], word: str) -> None:
    with pytest.raises(ConfigError, match=word) as refused:
        faulty_user(Settings(argument=argument, options=options))
    assert refused.value.hint


def test_a_policy_cured_of_a_mistake_succeeds_where_it_made_it(
    retail: Domain, retail_tasks: list[Task]
) -> None:
    def run(**options: Json) -> list[Episode]:
        agent = noisy(Settings(argument="1", options=options))
        return talks(retail, retail_tasks, agent, scripted_user(Settings()))

    before, cured = run(), run(without=["wrong_item"])
    kinds = ["" if e.grade.success or e.uncounted else judged(e, retail).kind for e in before]
    assert "wrong_item" in kinds
    for kind, episode, other in zip(kinds, before, cured, strict=True):
        if kind == "wrong_item":
            assert other.grade.success
        else:
            assert other.trajectory.messages == episode.trajectory.messages


def test_a_policy_makes_only_the_mistakes_it_is_told_to(
    retail: Domain, retail_tasks: list[Task]
) -> None:
    agent = noisy(Settings(argument="1", options={"kinds": ["gave_up"]}))
    failed = [
        e for e in talks(retail, retail_tasks[:30], agent, scripted_user(Settings()))
        if not e.grade.success
    ]  # fmt: skip
    assert failed
    assert {judged(e, retail).kind for e in failed} == {"gave_up"}


def test_a_task_that_wants_a_call_that_fails_is_to_blame(
    retail: Domain, retail_tasks: list[Task]
) -> None:
    episode = next(e for e in _solved(retail, retail_tasks) if len(e.task.gold) == 1)
    gold = episode.task.gold[0]
    broken = replace(gold, arguments={**gold.arguments, "order_id": "#W0000000"})
    found = judged(_on(episode, replace(episode.task, gold=(broken,))), retail)
    assert (found.blame, found.kind) == ("task", "gold_fails")
    assert "#W0000000" in found.summary


def test_a_task_that_wants_less_than_its_user_is_to_blame(
    retail: Domain, retail_tasks: list[Task]
) -> None:
    episode = next(e for e in _solved(retail, retail_tasks) if len(e.task.gold) > 1)
    found = judged(_on(episode, replace(episode.task, gold=episode.task.gold[:1])), retail)
    assert (found.blame, found.kind) == ("task", "gold_incomplete")


def test_a_task_whose_user_asks_for_something_else_is_to_blame(
    retail: Domain, retail_tasks: list[Task]
) -> None:
    episode = next(
        e for e in _solved(retail, retail_tasks)
        if len(e.task.gold) == 1 and "reason" in e.task.gold[0].arguments
    )  # fmt: skip
    gold = episode.task.gold[0]
    others = {"no longer needed", "ordered by mistake"} - {str(gold.arguments["reason"])}
    other = replace(gold, arguments={**gold.arguments, "reason": others.pop()})
    found = judged(_on(episode, replace(episode.task, gold=(other,))), retail)
    assert (found.blame, found.kind) == ("task", "gold_wrong")


def test_signs_of_a_mistake_show_in_a_success_too(retail: Domain, retail_tasks: list[Task]) -> None:
    agent = noisy(Settings(argument="1", options={"kinds": ["missing_confirmation"]}))
    episodes = talks(retail, retail_tasks[:40], agent, scripted_user(Settings()))
    harmless = [e for e in episodes if e.grade.success and e.task.gold]
    judge = rule_judge(Settings())
    signs = [asyncio.run(judge.signs(e, retail)) for e in harmless]  # type: ignore[attr-defined]
    assert sum("missing_confirmation" in shown for shown in signs) > len(signs) / 2
    clean = [asyncio.run(judge.signs(e, retail)) for e in _solved(retail, retail_tasks)]  # type: ignore[attr-defined]
    assert all(not shown for shown in clean)


def _solved(domain: Domain, tasks: list[Task]) -> list[Episode]:
    return [
        e for e in talks(domain, tasks[:60], expert(Settings()), scripted_user(Settings()))
        if e.grade.success and e.task.gold
    ]  # fmt: skip


def _on(episode: Episode, task: Task) -> Episode:
    """The same conversation, failed on another task."""
    return replace(
        episode,
        task=task,
        grade=replace(episode.grade, success=False),
        score=replace(episode.score, success=False),
    )
