"""Apply an async function to many items on this event loop, a bounded number at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def bounded_map(
    function: Callable[[T], Awaitable[R]], items: Sequence[T], concurrency: int
) -> AsyncIterator[tuple[int, R]]:
    """Each item's index and result as it is done; at most ``concurrency`` items run at once. When
    one raises, the rest are cancelled and it propagates.
    """
    waiting = iter(enumerate(items))
    running: dict[asyncio.Future[R], int] = {}
    done: asyncio.Queue[asyncio.Future[R]] = asyncio.Queue()
    try:
        while True:
            # Finished ones are yielded before others start.
            while len(running) < concurrency and done.empty() and (item := next(waiting, None)):
                started = asyncio.ensure_future(function(item[1]))
                started.add_done_callback(done.put_nowait)
                running[started] = item[0]
                # A thousand that begin in one turn of the loop would hold it for a second.
                await asyncio.sleep(0)
            if not running:
                return
            future = await done.get()
            yield running.pop(future), future.result()
    finally:
        for unfinished in running:
            unfinished.cancel()
        await asyncio.gather(*running, return_exceptions=True)
