"""Weak agents: each errs where the situation invites it, and does all other tasks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest

from harness.errors import ConfigError
from harness.evaluation.rollout import run_rollouts
from harness.protocols import RolloutJob, RolloutSetup, Settings
from harness.types import Recipe, Task
from harness_airline.domain import AirlineDomain
from harness_asyncio.executor import asyncio_executor
from harness_scripted.user import scripted_user

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
DOMAIN = AirlineDomain()
INVITED_BY = {
    "groundless_cancellation": "refuse_cancel",
    "basic_economy_changed": "refuse_basic_economy",
    "another_route": "refuse_route",
    "whole_cabin": "refuse_one_cabin",
    "late_insurance": "refuse_insurance",
    "bags_removed": "refuse_bag_removal",
    "passenger_overwritten": "refuse_passenger_count",
    "undue_compensation": "refuse_compensation",
    "unasked_compensation": "complaint",
    "flown_cancelled": "transfer_flown",
    "certificate_for_change": "certificate_first",
    "two_certificates": "certificate_limit",
    "bags_for_free": "add_bags",
    "first_trip": "two_reservations",
    "blind_to_price": "cheapest",
    "no_transfer": "transfer",
    "silent": "amount",
    "hasty": "change_of_mind",
    "impatient": "withheld",
}


@pytest.fixture(scope="module")
def weak() -> Iterator[ModuleType]:
    sys.path.insert(0, str(BENCHMARKS))
    yield import_module("weak_agents")
    sys.path.remove(str(BENCHMARKS))


def failed(weak: ModuleType, name: str, tasks: list[Task]) -> int:
    agent = weak.WeakAgent(name, weak.weaknesses_of("airline")[name])
    setup = RolloutSetup(domain=DOMAIN, user=scripted_user(Settings()))
    jobs = [RolloutJob(task=task, trial=0, seed=1) for task in tasks]
    episodes = run_rollouts(jobs, agent, setup, asyncio_executor(Settings()))
    return sum(not episode.score.success for episode in episodes)


@pytest.mark.parametrize(("name", "feature"), INVITED_BY.items())
def test_a_weak_agent_errs_where_it_is_invited_and_nowhere_else(
    weak: ModuleType, name: str, feature: str
) -> None:
    invited = list(islice(DOMAIN.generate(8, Recipe(required=(feature,), requests=1)), 8))
    other = "change_passengers" if feature != "change_passengers" else "cancel"
    recipe = Recipe(required=(other,), requests=1, plain=True)
    assert failed(weak, name, invited) >= 1
    assert failed(weak, name, list(islice(DOMAIN.generate(8, recipe), 4))) == 0


def test_the_table_has_every_weakness(weak: ModuleType) -> None:
    assert weak.weaknesses_of("airline").keys() == INVITED_BY.keys()


def test_a_domain_without_weak_agents_is_told_which_have_them(weak: ModuleType) -> None:
    with pytest.raises(ConfigError, match="weather") as error:
        weak.weaknesses_of("weather")
    assert "airline" in (error.value.hint or "")
