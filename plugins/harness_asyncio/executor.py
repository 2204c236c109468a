"""Apply an async function to many items, a bounded number at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from harness.config import read_options
from harness.protocols import Executor, Settings

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Options:
    """``concurrency``: how many conversations are open at once."""

    concurrency: int = 64


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
        try:
            while True:
                while len(running) < self.concurrency and (item := next(waiting, None)):
                    running[asyncio.ensure_future(function(item[1]))] = item[0]
                if not running:
                    return
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for future in sorted(done, key=running.__getitem__):
                    yield running.pop(future), future.result()
        finally:
            for future in running:
                future.cancel()
