"""The domain's verdicts are those of the official evaluators: on what should be done, and on
thousands of conversations that go wrong in named ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from logging import getLogger
from random import Random
from typing import Any

import pytest

from .cases import AIRLINE_CASE, CASES, RETAIL_CASE, Case
from .hearings import BASES, conversation, official_hearing, official_said, our_hearing
from .official import environment, needs_tau2, official_hash
from .talks import TALKS, talk

pytestmark = [
    needs_tau2,
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
]

LOG = getLogger(__name__)

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
