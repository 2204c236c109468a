"""Results come in the order of the items, in whatever order they are finished."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

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
