"""Apply an async function to many items, a bounded number at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence, Sized
from dataclasses import dataclass
from typing import TypeVar

from pydantic import PositiveInt

from harness.assembly.config import read_options
from harness.protocols import Executor, Settings

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Options:
    """``concurrency``: how many conversations are open at once."""

    concurrency: PositiveInt = 64


def asyncio_executor(settings: Settings) -> Executor:
    return AsyncioExecutor(read_options(Options, settings, name="asyncio").concurrency)


class AsyncioExecutor:
    """Runs at most ``concurrency`` items at once; when one raises, the rest are cancelled and it
    propagates.
    """

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency

    async def map(
        self, function: Callable[[T], Awaitable[R]], items: Sequence[T]
    ) -> AsyncIterator[tuple[int, R]]:
        waiting = iter(enumerate(items))
        running: dict[asyncio.Future[R], int] = {}
        done: asyncio.Queue[asyncio.Future[R]] = asyncio.Queue()
        try:
            while True:
                while self._has_room(running, done) and (item := next(waiting, None)):
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

    def _has_room(self, running: Sized, done: asyncio.Queue[asyncio.Future[R]]) -> bool:
        """Whether another item may start; finished ones are yielded first."""
        return len(running) < self.concurrency and done.empty()
