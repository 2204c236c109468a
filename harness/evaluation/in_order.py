"""Turn items into what a function makes of each, many at a time on an executor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.errors import core_code, plugin_boundary
from harness.protocols import NO_PLUGINS, Executor, has_threads
from harness.runtime import event_loop

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class OfCore(Generic[T, R]):
    """A function of the core for an executor; see ``harness.protocols.stays_here``."""

    function: Callable[[T], Awaitable[R]]
    stays_here: bool = False

    @property
    def has_threads(self) -> bool:
        """See ``harness.protocols.has_threads``."""
        return has_threads(self.function)

    async def __call__(self, item: T) -> R:
        with core_code():
            return await self.function(item)


def report_nothing(index: int, result: object) -> None:
    return None


def in_order(
    executor: Executor,
    function: Callable[[T], Awaitable[R]],
    items: Sequence[T],
    finished: Callable[[int, R], None] = report_nothing,
    *,
    stays_here: bool = False,
    plugin: str = NO_PLUGINS.executor,
) -> list[R]:
    """The results in the order of the items; ``finished(index, result)`` is called for each as it
    ends. ``plugin`` offers the executor; ``stays_here``: what the function changes in memory is
    wanted, see ``harness.protocols.stays_here``.
    """
    results: list[R] = []

    # Not the coroutine's result: when asyncio ends, it would spell out all of that for nobody.
    async def keep() -> None:
        found = await gather_in_order(
            executor, function, items, finished, stays_here=stays_here, plugin=plugin
        )
        results.extend(found)

    event_loop.run(keep())
    return results


async def gather_in_order(
    executor: Executor,
    function: Callable[[T], Awaitable[R]],
    items: Sequence[T],
    finished: Callable[[int, R], None] = report_nothing,
    *,
    stays_here: bool = False,
    plugin: str = NO_PLUGINS.executor,
) -> list[R]:
    """As ``in_order``, for those who are on an event loop already."""
    run = OfCore(function, stays_here)
    results: dict[int, R] = {}
    doing = f"map over {len(items)} items"
    with plugin_boundary(plugin, doing):
        stream = aiter(executor.map(run, items))
    while True:
        with plugin_boundary(plugin, doing):
            try:
                index, result = await anext(stream)
            except StopAsyncIteration:
                break
            if index in results or index not in range(len(items)):
                raise ValueError(f"it has a result for item {index!r}, which is not awaited")
            results[index] = result
        finished(index, result)
    with plugin_boundary(plugin, doing):
        if len(results) < len(items):
            raise ValueError(f"it has results for {len(results)} of them")
    return [results[index] for index in range(len(items))]
