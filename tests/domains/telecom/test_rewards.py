"""What the default reward pays on telecom: no cheat, no idler, and steps that the user takes."""

from __future__ import annotations

from itertools import islice

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import Policy, RolloutJob, RolloutSetup, Settings
from harness.training.reward_probing import MARGIN, probe_reward
from harness.types import Episode, Recipe
from harness_asyncio.executor import asyncio_executor
from harness_rewards import harness_reward_terms
from harness_scripted.expert import expert, noop
from harness_scripted.user import scripted_user
from harness_telecom.domain import TelecomDomain

DOMAIN = TelecomDomain()
TASKS = list(islice(DOMAIN.generate(19, Recipe()), 60))


def talks(agent: Policy) -> list[Episode]:
    jobs = [RolloutJob(task=task, trial=0, seed=seed) for seed, task in enumerate(TASKS)]
    setup = RolloutSetup(domain=DOMAIN, user=scripted_user(Settings()))
    return list(run_rollouts(jobs, agent, setup, asyncio_executor(Settings())))


def test_the_default_reward_pays_no_probe() -> None:
    config = load_config(flags={"domain": "telecom", "executor": "asyncio"})
    found = probe_reward(Components(config, open_registry()), 60)
    assert found.let_through == []
    assert {row.probe for row in found.rows if row.difference.value > -MARGIN} == set()


def test_an_agent_that_does_nothing_passes_refusals_alone() -> None:
    passed = [episode.task for episode in talks(noop(Settings())) if episode.score.success]
    assert passed
    assert {r.outcome for task in passed for r in task.scenario.requests} == {"refused"}


def test_no_term_takes_anything_from_who_guides_the_user_well() -> None:
    """However often the user calls its tools, and whether or not the agent writes itself."""
    guided = [
        episode
        for episode in talks(expert(Settings()))
        if any(c.requestor == "user" for c in episode.task.gold)
        and "failing_lookup" not in episode.task.tags
    ]
    assert len(guided) > 20
    assert any(all(c.requestor == "user" for c in e.task.gold) for e in guided)
    terms = {
        name: make(Settings(domain=DOMAIN))
        for name, make in harness_reward_terms().items()
        if name != "length"
    }
    for episode in guided:
        assert episode.score.success
        for name, term in terms.items():
            value = term(episode.trajectory, episode.grade, episode.task).value
            assert value == 1 if name in ("gold_writes", "changed_fields") else value >= 0, name


def test_nothing_is_paid_for_steps_that_the_user_does_not_take() -> None:
    term = harness_reward_terms()["gold_writes"](Settings(domain=DOMAIN))
    for episode in talks(noop(Settings())):
        if any(call.requestor == "user" for call in episode.task.gold):
            assert term(episode.trajectory, episode.grade, episode.task).value == 0
