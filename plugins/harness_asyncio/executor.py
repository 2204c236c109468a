"""Apply an async function to many items on one event loop, a bounded number at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import PositiveInt

from harness.assembly.config import read_options
from harness.protocols import Executor, Settings
from harness.runtime.bounded import bounded_map

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

    def map(
        self, function: Callable[[T], Awaitable[R]], items: Sequence[T]
    ) -> AsyncIterator[tuple[int, R]]:
        return bounded_map(function, items, self.concurrency)
