"""Turn a coroutine into its result, on an event loop that many conversations can share."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from selectors import DefaultSelector, SelectorKey
from typing import TypeVar

T = TypeVar("T")

ANSWERS_PER_TURN = 8
"""How many sockets the loop reads before it looks after whatever else is due."""


def run(coroutine: Coroutine[object, object, T]) -> T:
    """What the coroutine returns, as ``asyncio.run`` does it; a burst of answers and the garbage
    collector hold the loop for some milliseconds only.
    """
    with _settled_heap(), asyncio.Runner(loop_factory=_loop) as runner:
        return runner.run(coroutine)


def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(_FewAtATime())


class _FewAtATime(DefaultSelector):
    """Reports only some of the sockets that are ready; the others still are in the next turn."""

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        return super().select(timeout)[:ANSWERS_PER_TURN]


@contextmanager
def _settled_heap() -> Iterator[None]:
    """Keep what is there already out of the garbage collector's sight: looking through all of a
    domain and its libraries takes it a tenth of a second, in which no conversation advances.
    """
    gc.collect(1)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
