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
from harness.protocols import Domain, RolloutJob, RolloutSetup, Settings
from harness.types import Recipe, Task
from harness_airline.domain import AirlineDomain
from harness_asyncio.executor import asyncio_executor
from harness_scripted.user import scripted_user
from harness_telecom.domain import TelecomDomain

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
AIRLINE = {
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
TELECOM = {
    "first_repair": "several_faults",
    "no_restart": "broken_apn",
    "restart_first": "no_picture_address",
    "phone_alone": "line_not_roaming",
    "bill_left_unpaid": "unpaid_bill",
    "first_line": "line_by_device",
    "usual_amount": "data_used_up",
    "usual_permission": "no_sms_permission",
    "old_habit": "old_network_mode",
    "doubt_for_deed": "hesitant",
    "blind_to_contract": "transfer_contract",
    "obliging": "refuse_refuel",
    "no_transfer": "transfer",
    "silent": "amount",
    "stumbles": "failing_lookup",
    "impatient": "withheld",
}
DOMAINS: dict[str, tuple[Domain, dict[str, str]]] = {
    "airline": (AirlineDomain(), AIRLINE),
    "telecom": (TelecomDomain(), TELECOM),
}
"""Each domain, and what invites each weakness."""

ALL = [(domain, name) for domain, (_, invited) in DOMAINS.items() for name in invited]


@pytest.fixture(scope="module")
def weak() -> Iterator[ModuleType]:
    sys.path.insert(0, str(BENCHMARKS))
    yield import_module("weak_agents")
    sys.path.remove(str(BENCHMARKS))


def failed(weak: ModuleType, domain: str, name: str, tasks: list[Task]) -> int:
    agent = weak.WeakAgent(name, weak.weaknesses_of(domain)[name])
    setup = RolloutSetup(domain=DOMAINS[domain][0], user=scripted_user(Settings()))
    jobs = [RolloutJob(task=task, trial=0, seed=1) for task in tasks]
    episodes = run_rollouts(jobs, agent, setup, asyncio_executor(Settings()))
    return sum(not episode.score.success for episode in episodes)


def easy(domain: str, feature: str) -> list[Task]:
    """Tasks in which nothing invites a weakness that the feature does."""
    other = {"airline": "change_passengers", "telecom": "loose_sim"}[domain]
    recipe = Recipe(required=(other if feature != other else "cancel",), requests=1, plain=True)
    found = (task for task in DOMAINS[domain][0].generate(8, recipe) if feature not in task.tags)
    return list(islice(found, 4))


@pytest.mark.parametrize(("domain", "name"), ALL)
def test_a_weak_agent_errs_where_it_is_invited_and_nowhere_else(
    weak: ModuleType, domain: str, name: str
) -> None:
    made, invited_by = DOMAINS[domain]
    recipe = Recipe(required=(invited_by[name],), requests=1)
    assert failed(weak, domain, name, list(islice(made.generate(8, recipe), 16))) >= 1
    assert failed(weak, domain, name, easy(domain, invited_by[name])) == 0


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_table_has_every_weakness(weak: ModuleType, domain: str) -> None:
    assert weak.weaknesses_of(domain).keys() == DOMAINS[domain][1].keys()


@pytest.mark.parametrize("domain", DOMAINS)
def test_what_invites_a_weakness_is_a_feature(domain: str) -> None:
    made, invited_by = DOMAINS[domain]
    assert set(invited_by.values()) <= {feature.name for feature in made.features}


def test_a_domain_without_weak_agents_is_told_which_have_them(weak: ModuleType) -> None:
    with pytest.raises(ConfigError, match="weather") as error:
        weak.weaknesses_of("weather")
    assert "airline" in (error.value.hint or "")
