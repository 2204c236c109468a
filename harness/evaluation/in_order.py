"""Turn items into what a function makes of each, many at a time on an executor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from harness.protocols import Executor
from harness.runtime import event_loop

T = TypeVar("T")
R = TypeVar("R")


def report_nothing(index: int, result: object) -> None:
    return None


def in_order(
    executor: Executor,
    function: Callable[[T], Awaitable[R]],
    items: Sequence[T],
    finished: Callable[[int, R], None] = report_nothing,
) -> list[R]:
    """The results in the order of the items; ``finished(index, result)`` is called for each as it
    ends.
    """
    results: list[R] = []

    # Not the coroutine's result: when asyncio ends, it would spell out all of that for nobody.
    async def keep() -> None:
        results.extend(await gather_in_order(executor, function, items, finished))

    event_loop.run(keep())
    return results


async def gather_in_order(
    executor: Executor,
    function: Callable[[T], Awaitable[R]],
    items: Sequence[T],
    finished: Callable[[int, R], None] = report_nothing,
) -> list[R]:
    """As ``in_order``, for those who are on an event loop already."""
    results: dict[int, R] = {}
    async for index, result in executor.map(function, items):
        results[index] = result
        finished(index, result)
    return [results[index] for index in range(len(items))]
