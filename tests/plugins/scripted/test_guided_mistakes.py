"""Mistakes of agents that have to guide a user, and users who are slow to follow."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice

import pytest

from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import Domain, Policy, RolloutJob, RolloutSetup, Settings
from harness.types import Episode, Json, Recipe, Task
from harness_asyncio.executor import asyncio_executor
from harness_scripted.expert import expert, noisy
from harness_scripted.judge import rule_judge
from harness_scripted.script import Script
from harness_scripted.speech import wavers
from harness_scripted.user import scripted_user


@pytest.fixture(scope="module")
def telecom() -> Domain:
    return open_registry().make("domain", "telecom", Settings())


def make(domain: Domain, count: int, *required: str, seed: int = 5) -> list[Task]:
    return list(islice(domain.generate(seed, Recipe(required=required)), count))


def talks(
    domain: Domain, tasks: Sequence[Task], agent: Policy, **options: Json
) -> Sequence[Episode]:
    jobs = [RolloutJob(task=task, trial=0, seed=seed) for seed, task in enumerate(tasks)]
    setup = RolloutSetup(domain=domain, user=scripted_user(Settings(options=options)))
    return run_rollouts(jobs, agent, setup, asyncio_executor(Settings()))


def weak(kind: str) -> Policy:
    return noisy(Settings(argument="1", options={"kinds": [kind]}))


@pytest.mark.parametrize(
    ("kind", "feature"),
    [
        ("stopped_early", "several_faults"),
        ("wrong_order_of_steps", "broken_apn"),
        ("missing_step", "several_faults"),
        ("wrong_permission", "no_sms_permission"),
        ("wrong_network_mode", "old_network_mode"),
        ("wrong_amount_in_gb", "data_used_up"),
        ("gave_up", "airplane_mode"),
        ("should_have_acted", "loose_sim"),
        ("needless_transfer", "wifi_calling"),
    ],
)
def test_mistakes_with_steps_of_the_user_are_made_and_named(
    kind: str, feature: str, telecom: Domain
) -> None:
    provoked = {f.name: f.provokes for f in telecom.features}[feature]
    assert kind in provoked
    episodes = talks(telecom, make(telecom, 12, feature), weak(kind))
    failed = [e for e in episodes if not e.grade.success]
    assert len(failed) >= 4
    found = [asyncio.run(rule_judge(Settings()).diagnose(e, telecom)) for e in failed]
    assert {(d.blame, d.kind) for d in found} == {("agent", kind)}


def said(episode: Episode) -> list[str]:
    return [m.content for m in episode.trajectory.messages if m.role == "user" and not m.calls]


@pytest.mark.parametrize("wording", ["plain", "varied"])
def test_who_is_hesitant_has_to_be_told_twice_and_no_more(wording: str, telecom: Domain) -> None:
    tasks = make(telecom, 25, "hesitant")
    agent = expert(Settings(options={"wording": wording}))
    episodes = talks(telecom, tasks, agent, wording=wording)
    assert all(episode.grade.success for episode in episodes)
    doubts = [sum(map(wavers, said(episode))) for episode in episodes]
    assert {1, 2} <= set(doubts) <= {0, 1, 2}


def test_an_agent_that_takes_a_doubt_for_a_deed_fails(
    telecom: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Script, "_instruct", lambda self, call: self._say(self._told(call)))
    tasks = make(telecom, 12, "hesitant", "airplane_mode")
    failed = [e for e in talks(telecom, tasks, expert(Settings())) if not e.grade.success]
    assert len(failed) >= 6
    judge = rule_judge(Settings())
    found = [asyncio.run(judge.diagnose(e, telecom)) for e in failed]
    assert {d.blame for d in found} == {"agent"}


def test_others_are_told_once(telecom: Domain) -> None:
    tasks = [t for t in make(telecom, 60, "no_service") if "hesitant" not in t.tags]
    episodes = talks(telecom, tasks, expert(Settings()))
    assert not any(wavers(text) for episode in episodes for text in said(episode))


def test_who_is_tech_savvy_is_terse(telecom: Domain) -> None:
    tasks = make(telecom, 40, "no_service")
    savvy = [t for t in tasks if "tech-savvy" in t.scenario.persona]
    plain = [t for t in tasks if not t.scenario.persona]
    assert savvy
    assert plain
    terse = talks(telecom, savvy, expert(Settings()))
    assert all(any(t.startswith("It says: ") for t in said(episode)) for episode in terse)
    usual = talks(telecom, plain, expert(Settings()))
    assert not any(t.startswith("It says: ") for episode in usual for t in said(episode))


def test_equal_seeds_hesitate_alike(telecom: Domain) -> None:
    tasks = make(telecom, 10, "hesitant")
    one, other = (
        talks(telecom, tasks, expert(Settings())),
        talks(telecom, tasks, expert(Settings())),
    )
    assert [e.trajectory.messages for e in one] == [e.trajectory.messages for e in other]
