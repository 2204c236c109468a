"""Generated tasks: deterministic, solvable, unambiguous, and honest about what customers know."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from harness.errors import ConfigError
from harness.evaluation.rollout import run_rollouts
from harness.protocols import RolloutJob, RolloutSetup, Settings
from harness.types import Recipe, Task
from harness_airline.database import airline_of, database
from harness_airline.domain import AirlineDomain
from harness_airline.features import DEAD_ENDS, FEATURES, UNASKED, WRITES
from harness_airline.operations import OPERATIONS
from harness_asyncio.executor import asyncio_executor
from harness_scripted.expert import expert, noop
from harness_scripted.finding import plain_noun, wrong
from harness_scripted.user import scripted_user

DOMAIN = AirlineDomain()


def make(count: int, seed: int = 1, **recipe: object) -> list[Task]:
    return list(itertools.islice(DOMAIN.generate(seed, Recipe(**recipe)), count))  # type: ignore[arg-type]


TASKS = make(250)
REQUESTS = [request for task in TASKS for request in task.scenario.requests]


def test_equal_seeds_give_equal_tasks_and_other_seeds_others() -> None:
    assert make(12, seed=3) == make(12, seed=3)
    assert not {t.id for t in make(12, seed=3)} & {t.id for t in make(12, seed=4)}


def test_tasks_do_not_depend_on_the_hash_seed_of_the_process() -> None:
    code = (
        "from itertools import islice; from harness.types import Recipe;"
        "from harness_airline.generate import generate;"
        "print(*[t.id for t in islice(generate(1, Recipe()), 12)])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.split() == [task.id for task in TASKS[:12]]


def test_airlines_of_different_splits_share_no_ids() -> None:
    def ids(split: str) -> set[str]:
        found = [database(f"airline/{split}/{seed}") for seed in range(12)]
        methods = [m for a in found for u in a.users.values() for m in u["payment_methods"]]
        return {*methods}.union(*(table for airline in found for table in airline.tables.values()))

    train, validation, test = map(ids, ("train", "validation", "test"))
    assert not train & validation
    assert not train & test
    assert not validation & test


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_split_has_200_different_tasks_on_its_own_airlines(split: str) -> None:
    tasks = DOMAIN.tasks(split)  # type: ignore[arg-type]
    assert len({task.id for task in tasks}) == len(tasks) == 200
    assert {str(task.world["database"]).split("/")[1] for task in tasks} == {split}


@pytest.mark.parametrize("name", ["airline/train", "retail/train/1", "airline/other/1"])
def test_an_unknown_database_is_told_with_what_a_name_is_like(name: str) -> None:
    with pytest.raises(ConfigError, match=name) as error:
        airline_of({"database": name})
    assert "airline/train/17" in (error.value.hint or "")


@pytest.mark.parametrize("kind", WRITES)
def test_a_kind_of_request_provokes_a_wrong_value_of_each_argument_that_it_decides(
    kind: str,
) -> None:
    (feature,) = [feature for feature in FEATURES if feature.name == kind]
    (tool,) = [tool for tool in DOMAIN.tools if tool.name == OPERATIONS[kind].tool]
    decided = {*OPERATIONS[kind].arguments} - {"user_id", "reservation_id"}
    assert {wrong(plain_noun(tool, name)) for name in decided} <= {*feature.provokes}


def test_the_easy_path_has_only_what_was_asked_for_of_what_records_bring() -> None:
    tasks = make(80, plain=True)
    assert UNASKED.keys().isdisjoint(tag for task in tasks for tag in task.tags)
    asked = make(10, plain=True, requests=1, required=("book", "insured"))
    assert {frozenset(UNASKED.keys() & {*task.tags}) for task in asked} == {frozenset({"insured"})}
    mixed = {tag for task in (*TASKS, *DOMAIN.tasks("test")) for tag in task.tags}
    assert mixed >= UNASKED.keys()


@pytest.mark.parametrize("feature", [feature.name for feature in FEATURES])
@pytest.mark.parametrize("plain", [False, True])
def test_a_required_feature_is_in_every_task(feature: str, plain: bool) -> None:
    tasks = make(3, seed=3, required=(feature,), plain=plain)
    assert all(feature in task.tags for task in tasks)
    assert all(DOMAIN.solve(task) is not None for task in tasks)
    assert all(list(DOMAIN.readings(task)) == [task.gold] for task in tasks)


def test_features_that_no_request_can_have_together_are_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="one_stop"):
        DOMAIN.generate(1, Recipe(required=("cancel", "one_stop")))


def test_the_default_mix_has_all_kinds() -> None:
    kinds = Counter(tag for task in TASKS for tag in task.tags)
    refused = sum(any(tag in DEAD_ENDS for tag in task.tags) for task in TASKS) / len(TASKS)
    assert kinds.keys() >= {*WRITES, "question", "two_reservations", "withheld", "pressure"}
    assert 0.05 < refused < 0.2


def test_single_requests_of_the_default_mix_have_between_no_feature_and_three() -> None:
    kinds = {*WRITES, "payment_choice"}
    found = [
        len({*task.tags} - kinds)
        for task in TASKS
        if len(task.scenario.requests) == 1 and task.scenario.requests[0].outcome == "done"
    ]
    assert 1 < sum(found) / len(found) < 1.8
    assert min(found.count(count) for count in (0, 1, 2)) > len(found) / 8


def test_every_task_can_be_solved_and_fits_one_outcome_only() -> None:
    assert [task.id for task in TASKS if DOMAIN.solve(task) is None] == []
    assert [task.id for task in TASKS if list(DOMAIN.readings(task)) != [task.gold]] == []


def test_customers_know_no_flight_numbers_or_payment_ids() -> None:
    told = [text for r in REQUESTS for text in (*r.says, *(t for f in r.facts for t in f.says))]
    hidden = re.compile(r"HAT\d+|(?:card|certificate)_\d+")
    assert [text for text in told if hidden.search(text)] == []


def test_scripted_user_and_expert_do_every_task() -> None:
    episodes = played(expert(Settings()), TASKS[:80])
    assert [e.task.tags for e in episodes if not e.score.success] == []


def test_doing_nothing_passes_refusals_only() -> None:
    passed = [e.task for e in played(noop(Settings()), TASKS) if e.score.success]
    assert passed
    assert {r.outcome for task in passed for r in task.scenario.requests} == {"refused"}


def played(policy, tasks):  # type: ignore[no-untyped-def]
    setup = RolloutSetup(domain=DOMAIN, user=scripted_user(Settings()))
    jobs = [RolloutJob(task=task, trial=0, seed=1) for task in tasks]
    return run_rollouts(jobs, policy, setup, asyncio_executor(Settings()))
