"""Results come in the order of the items, in whatever order they are finished."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pytest

from harness.errors import PluginFailed
from harness.evaluation.in_order import in_order

T = TypeVar("T")
R = TypeVar("R")


class LastFirst:
    """An executor that finishes the last item first."""

    async def map(
        self, function: Callable[[T], Awaitable[R]], items: Sequence[T]
    ) -> AsyncIterator[tuple[int, R]]:
        for index in reversed(range(len(items))):
            yield index, await function(items[index])


async def doubled(number: int) -> int:
    return 2 * number


def test_results_are_in_the_order_of_the_items() -> None:
    assert in_order(LastFirst(), doubled, [5, 7, 9]) == [10, 14, 18]


def test_each_result_is_reported_as_it_ends() -> None:
    seen: list[tuple[int, int]] = []
    in_order(LastFirst(), doubled, [5, 7, 9], lambda index, result: seen.append((index, result)))
    assert seen == [(2, 18), (1, 14), (0, 10)]


async def broken(number: int) -> int:
    try:
        raise KeyError("the cause")
    except KeyError as cause:
        raise ZeroDivisionError("our own") from cause


def test_an_error_of_what_is_run_is_not_the_executors_and_keeps_its_cause() -> None:
    with pytest.raises(ZeroDivisionError, match="our own") as raised:
        in_order(LastFirst(), broken, [1, 2], plugin="stranger:executor")
    assert isinstance(raised.value.__cause__, KeyError)


class Forgetful:
    """An executor that loses the first item."""

    async def map(
        self, function: Callable[[T], Awaitable[R]], items: Sequence[T]
    ) -> AsyncIterator[tuple[int, R]]:
        for index in range(1, len(items)):
            yield index, await function(items[index])


@dataclass
class Yields:
    """An executor that gives what it was told to, whatever the items are."""

    given: Sequence[object]

    async def map(
        self, function: Callable[[T], Awaitable[R]], items: Sequence[T]
    ) -> AsyncIterator[tuple[int, R]]:
        for one in self.given:
            yield one  # type: ignore[misc]


@pytest.mark.parametrize(
    "given",
    [[(0, 2), (0, 2)], [(0, 2), (2, 6)], [(-1, 2)], [(0, 2), 7], [None], [(0, 1, 2)], [([], 2)]],
    ids=["twice", "beyond", "negative", "no pair", "nothing", "three", "no index"],
)
def test_an_executor_that_gives_what_is_no_result_of_an_item_is_named(
    given: Sequence[object],
) -> None:
    seen: list[int] = []
    with pytest.raises(PluginFailed, match="stranger:executor failed in its map over 2 items"):
        in_order(
            Yields(given),
            doubled,
            [1, 2],
            lambda index, _: seen.append(index),
            plugin="stranger:executor",
        )
    assert seen in ([], [0])


def test_an_error_of_whoever_is_told_of_a_result_is_not_the_executors() -> None:
    def finished(index: int, result: int) -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError, match="ours"):
        in_order(LastFirst(), doubled, [1, 2], finished, plugin="stranger:executor")


def test_an_executor_that_loses_items_is_named() -> None:
    with pytest.raises(PluginFailed, match="stranger:executor"):
        in_order(Forgetful(), doubled, [1, 2], plugin="stranger:executor")
