"""Keep account of the items of one map: which wait, which run, which are delivered, which were
running when a process died.
"""

from __future__ import annotations

import asyncio
import textwrap
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from harness.elsewhere.parcels import unpack
from harness.errors import RunError

ALONE_FROM = 2
"""An item that has lost so many processes runs alone in the next, to see whether it is to blame."""

LONGEST = 300
"""How much is told of why a process died, in characters."""


class Work:
    """The items of one map. At most ``concurrency`` of them run, or wait to be taken up.

    Each result is delivered once, however often its item was run. ``retries``: how often an item is
    run again because its process died; then it is named in a ``RunError``. Where nobody serves for
    ``start_seconds``, that is one, too.
    """

    def __init__(
        self, items: Sequence[object], *, concurrency: int, retries: int, start_seconds: float
    ) -> None:
        self.serving = 0
        self.wake: Callable[[], None] = lambda: None
        self._items = items
        self._concurrency = concurrency
        self._retries = retries
        self._start_seconds = start_seconds
        self._fresh = deque(range(len(items)))
        self._suspects: deque[int] = deque()
        self._losses: Counter[int] = Counter()
        self._left = set(range(len(items)))
        self._out = 0
        self._arrived: asyncio.Queue[bytes | BaseException] = asyncio.Queue()

    def next_item(self, *, is_idle: bool) -> tuple[int, bool] | None:
        """An item's index for a process that has room, and whether it is to run alone, which only
        an idle process can do; None if there is none now.
        """
        if self._out >= self._concurrency:
            return None
        if is_idle and self._suspects:
            self._out += 1
            return self._suspects.popleft(), True
        if self._fresh:
            self._out += 1
            return self._fresh.popleft(), False
        return None

    def deliver(self, index: int, parcel: bytes) -> None:
        """The result or error of an item."""
        if index in self._left:
            self._left.discard(index)
            self._arrived.put_nowait(parcel)

    def fail(self, error: BaseException) -> None:
        """End the map with an error."""
        self._arrived.put_nowait(error)

    def lost(self, indices: Iterable[int], reason: str) -> None:
        """These items were running in a process that died."""
        for index in sorted(indices):
            self._out -= 1
            self._losses[index] += 1
            if self._losses[index] > self._retries:
                self.fail(self._poison(index, reason))
            elif self._losses[index] >= ALONE_FROM:
                self._suspects.append(index)
            else:
                self._fresh.appendleft(index)
        self.wake()

    async def results(self) -> AsyncIterator[tuple[int, object]]:
        """Each item's index and result as it arrives. Raises what an item raised."""
        for _ in range(len(self._items)):
            arrived = await self._next()
            if isinstance(arrived, BaseException):
                raise arrived
            index, result = unpack(arrived)
            yield index, result
            self._out -= 1
            self.wake()

    async def _next(self) -> bytes | BaseException:
        while True:
            try:
                async with asyncio.timeout(self._start_seconds):
                    return await self._arrived.get()
            except TimeoutError:
                if not self.serving:
                    return RunError(
                        f"no process of the cluster has answered for {self._start_seconds:g} s",
                        hint="Are cores free (`ray status`)? Lower `actors` or `cpus`, or raise "
                        "`start_seconds`, in [options.ray].",
                    )

    def _poison(self, index: int, reason: str) -> RunError:
        name = textwrap.shorten(str(self._items[index]), 120)
        return RunError(
            f"the process that ran {name} died {self._losses[index]} times, at last: "
            f"{textwrap.shorten(reason, LONGEST)}",
            hint="It may need more memory than there is, or crash a library: try it alone with "
            "--executor asyncio. What is finished is kept.",
        )
