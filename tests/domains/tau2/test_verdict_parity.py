"""The domain's verdicts are those of the official evaluators: on what should be done, and on
thousands of conversations that go wrong in named ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from logging import getLogger
from random import Random
from typing import Any

import pytest

from harness.protocols import Domain, Settings
from harness.types import Task
from harness_retail import harness_domains
from harness_retail.official_shop import official_database
from harness_retail.state import Database
from harness_tau2.data import official_data
from harness_tau2.tasks import task_from_official

from .hearings import BASES, conversation, official_hearing, official_said, our_hearing
from .mutations import KINDS, mutant
from .official import START_HASH, data_folder, environment, needs_tau2, official_hash
from .talks import TALKS, talk

pytestmark = needs_tau2

LOG = getLogger(__name__)

HARMLESS = frozenset(
    {
        "gold",
        "another product",
        "corrected address",
        "extra reads",
        "failing call",
        "unknown tool",
        "call by the user",
        "writes only",
        "one twice",
        "all twice",
    }
)
"""The mutations that leave the database as it should be."""

HARMFUL = frozenset({"another reason"})
"""Those that never do."""

SPOKEN = "said one by one"
LEAST = 3000


def test_the_verdicts_on_what_should_be_done_are_the_official_ones() -> None:
    verdicts = compared("gold", said=SPOKEN)
    assert verdicts == {(basis, True): len(official_tasks()) for basis in BASES}


@pytest.mark.parametrize("kind", KINDS)
def test_the_verdicts_on_some_mutants_are_the_official_ones(kind: str) -> None:
    assert compared(kind, limit=3).total() == 3 * len(BASES)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_verdicts_on_all_mutants_are_the_official_ones(kind: str) -> None:
    verdicts = compared(kind, whole=True)
    counts = [f"{basis} {verdicts[basis, True]}/{verdicts[basis, False]}" for basis in BASES]
    LOG.info("%s (right/wrong): %s", kind, ", ".join(counts))
    assert (verdicts["DB", True] == 0) == (kind in HARMFUL)
    assert (verdicts["DB", False] == 0) == (kind in HARMLESS)


@pytest.mark.slow
def test_the_official_environment_was_set_back_each_time() -> None:
    assert {official_hash(environment(number)) for number in range(3)} == {START_HASH}


def test_there_are_thousands_of_mutants_no_two_alike() -> None:
    made = {
        (task.id, str(calls))
        for task in map(our_task, official_tasks().values())
        for kind in KINDS
        if (calls := mutant(kind, task, database())) is not None and kind != "gold"
    }
    assert len(made) >= LEAST


@pytest.mark.parametrize("kind", TALKS)
def test_what_counts_as_said_is_what_counts_officially(kind: str) -> None:
    verdicts: Counter[bool] = Counter()
    for id, raw in official_tasks().items():
        task = our_task(raw)
        if not task.communicate:
            continue
        messages = conversation(task.gold[:1], talk(kind, task))
        said = official_said(raw, messages)
        ours = our_hearing(domain(), task, messages, whole=False)
        assert ours.parts["COMMUNICATE"] == said, f"task {id}: {messages[-2]}"
        verdicts[said] += 1
    LOG.info("%s: %d said, %d not said", kind, verdicts[True], verdicts[False])


def compared(
    kind: str, *, said: str = "", limit: int = 0, whole: bool = False
) -> Counter[tuple[str, bool]]:
    """How often each basis holds, and does not, for a kind; fails where the two sides differ.

    ``said``: a kind of talk, else any. ``limit``: the most mutants, if not 0. ``whole``: states are
    compared by their official hashes.
    """
    verdicts: Counter[tuple[str, bool]] = Counter()
    for id, raw in official_tasks().items():
        rng = Random(f"{kind}/{id}")
        raw = with_other_criteria(raw, rng) if kind != "gold" else raw
        task = our_task(raw)
        calls = mutant(kind, task, database())
        if calls is None:
            continue
        messages = conversation(calls, talk(said or rng.choice(list(TALKS)), task))
        theirs = official_hearing(raw, messages, whole=whole)
        ours = our_hearing(domain(), task, messages, whole=whole)
        assert ours == theirs, f"{kind}, task {id}: {calls}"
        verdicts.update(theirs.parts.items())
        if verdicts["DB", True] + verdicts["DB", False] == limit:
            break
    return verdicts


def with_other_criteria(raw: Mapping[str, Any], rng: Random) -> dict[str, Any]:
    """The official task, where some actions are compared by some of their arguments only."""
    changed = deepcopy(dict(raw))
    for action in changed["evaluation_criteria"]["actions"] or ():
        names = list(action["arguments"])
        some = rng.sample(names, rng.randint(0, len(names)))
        action["compare_args"] = rng.choice([None, None, some, [*some, "nothing"]])
    return changed


@cache
def official_tasks() -> Mapping[str, dict[str, Any]]:
    """The official tasks, all reward bases of which are judged."""
    tasks = deepcopy(dict(official_data("retail").tasks))
    for raw in tasks.values():
        raw["evaluation_criteria"]["reward_basis"] = list(BASES)
    return tasks


def our_task(raw: Mapping[str, Any]) -> Task:
    return task_from_official(raw, split="test", domain="tau2-retail")


@cache
def domain() -> Domain:
    return harness_domains()["tau2-retail"](Settings())


@cache
def database() -> Database:
    return official_database(data_folder())
