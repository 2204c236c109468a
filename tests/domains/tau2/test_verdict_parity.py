"""The domain's verdicts are those of the official evaluators: on what should be done, and on
thousands of conversations that go wrong in named ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from logging import getLogger
from random import Random
from typing import Any

import pytest

from harness.llm.roles import open_registry
from harness.protocols import Domain, Settings
from harness.types import Task
from harness_tau2.data import official_data
from harness_tau2.tasks import task_from_official

from . import airline_mutations, retail_mutations
from .drawing import Calls, Hand
from .hearings import BASES, conversation, official_hearing, official_said, our_hearing
from .mutations import Mutate
from .official import AIRLINE, RETAIL, Side, environment, needs_tau2, official_hash
from .talks import TALKS, talk

pytestmark = needs_tau2

LOG = getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One official domain, and the ways in which its conversations go right or wrong.

    ``harmless`` ways leave the database as it should be, ``harmful`` ones never do. ``rounds``: how
    often each way is taken with each task; at least ``least`` conversations come of it.
    """

    side: Side
    hand: type[Hand]
    kinds: Mapping[str, Mutate]
    harmless: frozenset[str]
    harmful: frozenset[str]
    rounds: int
    least: int

    @cached_property
    def tasks(self) -> Mapping[str, dict[str, Any]]:
        """The official tasks, all reward bases of which are judged."""
        tasks = deepcopy(dict(official_data(self.side.domain).tasks))
        for raw in tasks.values():
            raw["evaluation_criteria"]["reward_basis"] = list(BASES)
        return tasks

    @cached_property
    def domain(self) -> Domain:
        return open_registry().make("domain", f"tau2-{self.side.domain}", Settings())

    def our_task(self, raw: Mapping[str, Any]) -> Task:
        return task_from_official(raw, split="test", domain=f"tau2-{self.side.domain}")

    def mutant(self, kind: str, task: Task, number: int) -> Calls | None:
        """The task's gold calls after the mutation, numbered; None where it is impossible."""
        rng = Random(f"{kind}/{task.id}/{number}" if number else f"{kind}/{task.id}")
        writes = frozenset(tool.name for tool in self.side.tools if tool.kind == "write")
        hand = self.hand(database=self.side.database, writes=writes, rng=rng)
        calls = self.kinds[kind](hand, list(task.gold))
        if calls is None:
            return None
        return [replace(call, id=f"call_{index}") for index, call in enumerate(calls)]


RETAIL_CASE = Case(
    side=RETAIL,
    hand=retail_mutations.RetailHand,
    kinds=retail_mutations.KINDS,
    harmless=retail_mutations.HARMLESS,
    harmful=retail_mutations.HARMFUL,
    rounds=1,
    least=3000,
)
AIRLINE_CASE = Case(
    side=AIRLINE,
    hand=airline_mutations.AirlineHand,
    kinds=airline_mutations.KINDS,
    harmless=airline_mutations.HARMLESS,
    harmful=airline_mutations.HARMFUL,
    rounds=3,
    least=2000,
)
CASES = [pytest.param(case, id=case.side.domain) for case in (RETAIL_CASE, AIRLINE_CASE)]
KINDS = [
    pytest.param(case, kind, id=f"{case.side.domain}-{kind}")
    for case in (RETAIL_CASE, AIRLINE_CASE)
    for kind in case.kinds
]

SPOKEN = "said one by one"


@pytest.mark.parametrize("case", CASES)
def test_the_verdicts_on_what_should_be_done_are_the_official_ones(case: Case) -> None:
    verdicts = compared(case, "gold", said=SPOKEN)
    assert verdicts == {(basis, True): len(case.tasks) for basis in BASES}


@pytest.mark.parametrize(("case", "kind"), KINDS)
def test_the_verdicts_on_some_mutants_are_the_official_ones(case: Case, kind: str) -> None:
    assert compared(case, kind, limit=3).total() == 3 * len(BASES)


@pytest.mark.slow
@pytest.mark.parametrize(("case", "kind"), KINDS)
def test_the_verdicts_on_all_mutants_are_the_official_ones(case: Case, kind: str) -> None:
    verdicts = compared(case, kind, rounds=case.rounds, whole=True)
    counts = [f"{basis} {verdicts[basis, True]}/{verdicts[basis, False]}" for basis in BASES]
    LOG.info("%s, %s (right/wrong): %s", case.side.domain, kind, ", ".join(counts))
    assert (verdicts["DB", True] == 0) == (kind in case.harmful)
    assert (verdicts["DB", False] == 0) == (kind in case.harmless)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_the_official_environment_was_set_back_each_time(case: Case) -> None:
    hashes = {official_hash(environment(number, of=case.side)) for number in range(3)}
    assert hashes == {case.side.start_hash}


@pytest.mark.parametrize("case", CASES)
def test_there_are_thousands_of_mutants_no_two_alike(case: Case) -> None:
    made = {
        (task.id, str(calls))
        for task in map(case.our_task, case.tasks.values())
        for kind in case.kinds
        for number in range(case.rounds)
        if (calls := case.mutant(kind, task, number)) is not None and kind != "gold"
    }
    assert len(made) >= case.least


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", TALKS)
def test_what_counts_as_said_is_what_counts_officially(case: Case, kind: str) -> None:
    verdicts: Counter[bool] = Counter()
    for id, raw in case.tasks.items():
        task = case.our_task(raw)
        if not task.communicate:
            continue
        messages = conversation(case.side, task.gold[:1], talk(kind, task))
        said = official_said(raw, messages)
        ours = our_hearing(case.domain, task, messages, whole=False)
        assert ours.parts["COMMUNICATE"] == said, f"task {id}: {messages[-2]}"
        verdicts[said] += 1
    LOG.info("%s: %d said, %d not said", kind, verdicts[True], verdicts[False])


def compared(
    case: Case, kind: str, *, said: str = "", limit: int = 0, rounds: int = 1, whole: bool = False
) -> Counter[tuple[str, bool]]:
    """How often each basis holds, and does not, for a kind; fails where the two sides differ.

    ``said``: a kind of talk, else any. ``limit``: the most mutants, if not 0. ``whole``: states are
    compared by their official hashes.
    """
    verdicts: Counter[tuple[str, bool]] = Counter()
    for number in range(rounds):
        for id, raw in case.tasks.items():
            rng = Random(f"{kind}/{id}")
            raw = with_other_criteria(raw, rng) if kind != "gold" else raw
            task = case.our_task(raw)
            calls = case.mutant(kind, task, number)
            if calls is None:
                continue
            messages = conversation(case.side, calls, talk(said or rng.choice(list(TALKS)), task))
            theirs = official_hearing(case.side, raw, messages, whole=whole)
            ours = our_hearing(case.domain, task, messages, whole=whole)
            assert ours == theirs, f"{kind}, task {id}: {calls}"
            verdicts.update(theirs.parts.items())
            if verdicts["DB", True] + verdicts["DB", False] == limit:
                return verdicts
    return verdicts


def with_other_criteria(raw: Mapping[str, Any], rng: Random) -> dict[str, Any]:
    """The official task, where some actions are compared by some of their arguments only."""
    changed = deepcopy(dict(raw))
    for action in changed["evaluation_criteria"]["actions"] or ():
        names = list(action["arguments"])
        some = rng.sample(names, rng.randint(0, len(names)))
        action["compare_args"] = rng.choice([None, None, some, [*some, "nothing"]])
    return changed
