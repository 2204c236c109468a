"""Users who go wrong with what they are told to do on their own device, and who is to blame."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import pytest

from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import Domain, Policy, RolloutJob, RolloutSetup, Settings, UserSimulator
from harness.types import Diagnosis, Episode, Message, Recipe, Task
from harness_asyncio.executor import asyncio_executor
from harness_scripted.acting_faults import ACTING
from harness_scripted.expert import expert, noisy
from harness_scripted.faulty import FaultyUser, faulty_user, kinds_for
from harness_scripted.judge import rule_judge
from harness_scripted.user import scripted_user

EACH = 12
"""Conversations of each fault."""


@pytest.fixture(scope="module")
def telecom() -> Domain:
    return open_registry().make("domain", "telecom", Settings())


@pytest.fixture(scope="module")
def tasks(telecom: Domain) -> list[Task]:
    return list(islice(telecom.generate(71, Recipe()), 90))


def talks(
    domain: Domain, jobs: Sequence[RolloutJob], agent: Policy, user: UserSimulator
) -> list[Episode]:
    setup = RolloutSetup(domain=domain, user=user)
    return list(run_rollouts(jobs, agent, setup, asyncio_executor(Settings())))


def all_jobs(tasks: Sequence[Task]) -> list[RolloutJob]:
    return [RolloutJob(task=task, trial=0, seed=seed) for seed, task in enumerate(tasks)]


def judged(episode: Episode, domain: Domain) -> Diagnosis:
    return asyncio.run(rule_judge(Settings()).diagnose(episode, domain))


def listener() -> Policy:
    return expert(Settings(options={"listens": True, "wording": "varied"}))


def with_fault(domain: Domain, tasks: Sequence[Task], kind: str, count: int) -> list[Episode]:
    user = faulty_user(Settings(options={"kinds": [kind]}))
    assert isinstance(user, FaultyUser)
    fitting = [job for job in all_jobs(tasks) if user.planted(domain, job.task, job.seed)]
    return talks(domain, fitting[:count], listener(), user)


@pytest.mark.parametrize("kind", ACTING)
def test_each_fault_costs_the_outcome_and_is_found_and_named(
    kind: str, telecom: Domain, tasks: list[Task]
) -> None:
    failed = with_fault(telecom, tasks, kind, EACH)
    assert len(failed) == EACH
    assert not any(episode.grade.success for episode in failed)
    assert {(d.blame, d.kind) for d in (judged(e, telecom) for e in failed)} == {
        ("user_simulator", kind)
    }


def test_faults_of_users_and_mistakes_of_agents_are_told_apart(
    telecom: Domain, tasks: list[Task]
) -> None:
    """Precision and recall of the rules, in about 250 planted conversations."""
    agent = noisy(Settings(argument="1", options={"wording": "varied"}))
    varied = scripted_user(Settings(options={"wording": "varied"}))
    planted = {
        "agent": talks(telecom, all_jobs(tasks), agent, varied),
        "user_simulator": [
            e for kind in kinds_for(telecom) for e in with_fault(telecom, tasks, kind, EACH)
        ],
    }
    found = Counter(
        (party, judged(e, telecom).blame)
        for party, episodes in planted.items()
        for e in episodes
        if not e.grade.success and not e.uncounted
    )
    assert sum(found.values()) > 200
    for party in planted:
        right = found[party, party]  # type: ignore[index]
        assert right >= 0.95 * sum(n for (_, told), n in found.items() if told == party)
        assert right >= 0.95 * sum(n for (made, _), n in found.items() if made == party)


def test_an_agent_that_listens_to_a_good_user_solves_every_task(
    telecom: Domain, tasks: list[Task]
) -> None:
    user = scripted_user(Settings(options={"wording": "varied"}))
    episodes = talks(telecom, all_jobs(tasks), listener(), user)
    assert [e.task.tags for e in episodes if not e.grade.success] == []


def test_where_users_have_no_tools_they_cannot_go_wrong_with_them() -> None:
    retail = open_registry().make("domain", "retail", Settings())
    assert not set(kinds_for(retail)) & set(ACTING)
    user = faulty_user(Settings(options={"kinds": list(ACTING)}))
    assert isinstance(user, FaultyUser)
    some = islice(retail.generate(1, Recipe()), 10)
    assert {user.planted(retail, task, 1) for task in some} == {None}


def with_answer(episode: Episode, answer: str) -> Episode:
    """The conversation with the user's last words after a look replaced."""
    messages = list(episode.trajectory.messages)
    looked = [n for n, m in enumerate(messages) if m.role == "tool" and m.requestor == "user"]
    assert messages[looked[-1] + 1].role == "user"
    messages[looked[-1] + 1] = Message(role="user", content=answer)
    return replace(episode, trajectory=replace(episode.trajectory, messages=tuple(messages)))


def test_a_user_who_tells_in_its_own_words_what_it_saw_is_not_to_blame(
    telecom: Domain, tasks: list[Task]
) -> None:
    agent = noisy(Settings(argument="1", options={"kinds": ["missing_step"]}))
    episodes = talks(telecom, all_jobs(tasks[:40]), agent, scripted_user(Settings()))
    failed = [
        e for e in episodes
        if not e.grade.success and any(m.requestor == "user" for m in e.trajectory.messages)
    ]  # fmt: skip
    assert failed
    for episode in failed:
        for answer in ("Hm, the screen tells me something about this.", "It is not what I hoped."):
            assert judged(with_answer(episode, answer), telecom).blame == "agent"
