from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.discovery.contrast import (
    Thresholds,
    contrasted,
    difference,
    read_signs,
    split,
    wilson,
)
from harness.errors import RolloutFault
from harness.protocols import Domain
from harness.testing import play
from harness.types import Diagnosis, Episode, ErrorPattern
from harness_asyncio.executor import AsyncioExecutor
from harness_retail.domain import RetailDomain


def pattern(id: str, kind: str, members: int, of: int) -> ErrorPattern:
    return ErrorPattern(
        id=id,
        name=kind,
        description="",
        members=tuple(f"{id}{n}" for n in range(members)),
        share=members / of,
        kinds={kind: members},
    )


FAILED = {f"a{n}": {"wrong_item"} for n in range(30)} | {f"b{n}": {"loud"} for n in range(10)}
SUCCEEDED: dict[str, set[str]] = {f"s{n}": {"loud"} if n < 20 else set() for n in range(40)}


def test_signs_as_frequent_in_successes_are_no_cause() -> None:
    patterns = [pattern("a", "wrong_item", 30, 40), pattern("b", "loud", 10, 40)]
    item, loud = contrasted(patterns, FAILED, SUCCEEDED)
    assert item.coverage == 0.75
    assert item.gap is not None
    assert item.gap.value == 75.0
    assert item.gap.low > 50
    assert loud.gap is not None
    assert loud.gap.value == -25.0
    causes, filtered = split([item, loud], Thresholds(coverage=0.01, gap=0.0))
    assert ([p.id for p in causes], [p.id for p in filtered]) == (["a"], ["b"])


def test_without_successes_nothing_is_compared_and_nothing_filtered_but_the_rare() -> None:
    patterns = [pattern("a", "wrong_item", 30, 40), pattern("b", "loud", 1, 400)]
    assert contrasted(patterns, FAILED, {}) == patterns
    causes, filtered = split(patterns, Thresholds(coverage=0.01, gap=0.0))
    assert ([p.id for p in causes], [p.id for p in filtered]) == (["a"], ["b"])


def test_members_count_even_where_no_sign_was_read() -> None:
    [found] = contrasted([pattern("a", "odd", 30, 40)], FAILED, SUCCEEDED)
    assert found.coverage == 0.75


@given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 50), st.integers(1, 50))
def test_intervals_hold_their_value_and_stay_in_range(a: int, n: int, b: int, m: int) -> None:
    a, b = min(a, n), min(b, m)
    low, high = wilson(a, n)
    assert 0 <= low <= a / n + 1e-12
    assert a / n - 1e-12 <= high <= 1
    found = difference(a, n, b, m)
    assert -100 - 1e-9 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 100 + 1e-9


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (56, 70, 0.6918335550374695, 0.8769526075163705),
        (0, 10, 0.0, 0.27753279986288926),
        (10, 10, 0.7224672001371106, 1.0),
        (1, 29, 0.006113214292762667, 0.17175521879320294),
    ],
)
def test_the_interval_of_a_share_is_wilsons(hits: int, of: int, low: float, high: float) -> None:
    """As statsmodels 0.15 has it: ``proportion_confint(hits, of, method="wilson")``."""
    assert wilson(hits, of) == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.05243147240236498, 0.33387265403690614),
        ((9, 10, 3, 10), 0.1705227239345029, 0.809017973535488),
        ((10, 10, 0, 20), 0.6790860371419145, 1.0),
        ((5, 56, 0, 29), -0.038137147903536936, 0.19256001385511165),
        ((0, 10, 0, 10), -0.27753279986288926, 0.27753279986288926),
    ],
)
def test_the_interval_of_a_difference_is_newcombes(
    counts: tuple[int, int, int, int], low: float, high: float
) -> None:
    """As statsmodels 0.15 has it: ``confint_proportions_2indep(*counts, method="newcomb")``."""
    found = difference(*counts)
    assert (found.low, found.high) == pytest.approx((100 * low, 100 * high), abs=1e-9)


def test_the_interval_is_that_of_newcombes_own_example() -> None:
    """The example of Newcombe (1998), table II, row (a): 56/70 against 48/80."""
    found = difference(56, 70, 48, 80)
    assert (found.value, found.low, found.high) == pytest.approx((20.0, 5.24, 33.39), abs=0.01)


class Speechless:
    """A judge that has no answer on one conversation."""

    def __init__(self, episode: Episode) -> None:
        self.episode = episode

    async def diagnose(self, failure: Episode, domain: Domain) -> Diagnosis:
        raise RolloutFault("infrastructure_fault", "no answer")

    async def signs(self, episode: Episode, domain: Domain) -> Collection[str]:
        if episode is self.episode:
            raise RolloutFault("infrastructure_fault", "no answer")
        return {"missing_step"}


def test_a_conversation_whose_signs_the_judge_cannot_tell_is_left_out() -> None:
    domain = RetailDomain()
    episodes = [play(domain, task) for task in domain.tasks("train")[:3]]
    found = read_signs(episodes, Speechless(episodes[1]), domain, AsyncioExecutor(4))
    assert found == {e.trajectory.id: {"missing_step"} for e in (episodes[0], episodes[2])}
