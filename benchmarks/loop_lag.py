"""Turn a running event loop into how long something that is due has to wait for its turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

TICK = 0.005


class Lag:
    """Waits in seconds, one for each 5 ms that the loop ran.

    ``waits`` are by the clock; ``busy`` is what the process itself computed meanwhile: on a machine
    that others use too, the rest was theirs. A tick that comes late also stands for those that
    would have been due meanwhile: a block of 300 ms is sixty waits from 300 ms down, not one.
    """

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.busy: list[float] = []
        self._inside = 0
        self._ticking: asyncio.Future[None] | None = None

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Measure the running loop while anybody is inside."""
        if not self._inside:
            self._ticking = asyncio.ensure_future(self._tick())
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside and self._ticking is not None:
                self._ticking.cancel()

    async def _tick(self) -> None:
        due, used = time.perf_counter() + TICK, time.process_time()
        while True:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            now, used_before, used = time.perf_counter(), used, time.process_time()
            computed = used - used_before
            while due <= now:
                self.waits.append(now - due)
                self.busy.append(min(now - due, computed))
                due += TICK
                computed = max(0.0, computed - TICK)


def percentile(waits: Sequence[float], share: float) -> float:
    """The wait that this share of them does not pass, in milliseconds; 0 if there are none."""
    ranked = sorted(waits)
    return round(1000 * ranked[min(len(ranked) - 1, int(share * len(ranked)))], 2) if ranked else 0
