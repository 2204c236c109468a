"""Turn items into what a function makes of each, many at a time on an executor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from harness.errors import PluginFailed, plugin_boundary
from harness.protocols import NO_PLUGINS, Executor
from harness.runtime import event_loop

T = TypeVar("T")
R = TypeVar("R")


OURS = "It was raised by what the executor was to run, not by the executor."
"""Marks an error on its way through the executor, out of another process too."""


def report_nothing(index: int, result: object) -> None:
    return None


def in_order(
    executor: Executor,
    function: Callable[[T], Awaitable[R]],
    items: Sequence[T],
    finished: Callable[[int, R], None] = report_nothing,
    *,
    plugin: str = NO_PLUGINS.executor,
) -> list[R]:
    """The results in the order of the items; ``finished(index, result)`` is called for each as it
    ends. ``plugin`` offers the executor.
    """
    results: list[R] = []

    # Not the coroutine's result: when asyncio ends, it would spell out all of that for nobody.
    async def keep() -> None:
        found = await gather_in_order(executor, function, items, finished, plugin=plugin)
        results.extend(found)

    event_loop.run(keep())
    return results


async def gather_in_order(
    executor: Executor,
    function: Callable[[T], Awaitable[R]],
    items: Sequence[T],
    finished: Callable[[int, R], None] = report_nothing,
    *,
    plugin: str = NO_PLUGINS.executor,
) -> list[R]:
    """As ``in_order``, for those who are on an event loop already."""

    async def ours(item: T) -> R:
        try:
            return await function(item)
        except Exception as error:
            error.add_note(OURS)
            raise

    results: dict[int, R] = {}
    doing = f"map over {len(items)} items"
    try:
        with plugin_boundary(plugin, doing):
            stream = aiter(executor.map(ours, items))
        while True:
            with plugin_boundary(plugin, doing):
                found = await anext(stream, None)
            if found is None:
                break
            results[found[0]] = found[1]
            finished(*found)
    except PluginFailed as failed:
        error = failed.__cause__
        if error is not None and OURS in getattr(error, "__notes__", ()):
            raise error from error.__cause__
        raise
    with plugin_boundary(plugin, doing):
        if results.keys() != set(range(len(items))):
            raise ValueError(f"it has results for {len(results)} of them")
    return [results[index] for index in range(len(items))]
