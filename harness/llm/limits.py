"""Turn what a provider says about its limits into how many calls are open at once, and when."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from harness.errors import ChatFailure
from harness.protocols.chat_model import Allowance

SHED = frozenset({"rate_limit", "overloaded"})
"""Failures that say that fewer calls should be open."""

COOLING = 1.0
"""Seconds after a cut in which further such failures cut no more: they were sent before it."""


class StartQueue:
    """Lets calls start one by one, each in a turn of the event loop of its own.

    A thousand calls that are ready at once would hold the loop until the last is sent, and their
    answers would come at once too.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_turning = False

    async def passed(self) -> None:
        """Wait for those who came before."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._waiting, self._is_turning = loop, deque(), False
        if not self._is_turning:
            self._is_turning = True
            loop.call_soon(self._turn)
            return
        place = loop.create_future()
        self._waiting.append(place)
        await place

    def _turn(self) -> None:
        while self._waiting and self._waiting[0].done():
            self._waiting.popleft()
        self._is_turning = bool(self._waiting)
        if self._is_turning and self._loop is not None:
            self._waiting.popleft().set_result(None)
            self._loop.call_soon(self._turn)


class Throttle:
    """How many calls to one model are open: one more for each window of good answers, half after a
    refusal for want of capacity.

    Additive increase and multiplicative decrease as in TCP: Chiu & Jain, "Analysis of the increase
    and decrease algorithms for congestion avoidance in computer networks", 1989. It works from one
    event loop at a time and keeps what it learnt for the next. It pauses for ``longest`` seconds at
    most, whatever a provider asks for.
    """

    def __init__(self, most: int, longest: float = 300.0) -> None:
        self.most = most
        self._longest = longest
        self.width = float(most)
        self.open = 0
        self._until = 0.0
        self._cut = float("-inf")
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        """Hold one of the places; waits for one, and for the end of a pause that was asked for."""
        await self._enter()

    async def __aexit__(self, *raised: object) -> None:
        self.open -= 1
        self._wake()

    def succeeded(self, allowance: Allowance | None) -> None:
        """An answer came; no call starts while the provider says that none is left."""
        self.width = min(float(self.most), self.width + 1 / self.width)
        if allowance is not None and allowance.requests <= 0:
            self._pause(allowance.seconds)

    def failed(self, failure: ChatFailure) -> None:
        """No answer came."""
        if failure.cause not in SHED:
            return
        now = time.monotonic()
        if now - self._cut >= COOLING:
            self._cut = now
            self.width = max(1.0, self.width / 2)
        if failure.retry_after is not None:
            self._pause(failure.retry_after)

    def _pause(self, seconds: float) -> None:
        self._until = max(self._until, time.monotonic() + min(seconds, self._longest))

    async def _enter(self) -> None:
        while True:
            while self.open >= int(self.width):
                place = asyncio.get_running_loop().create_future()
                self._waiting.append(place)
                try:
                    await place
                except asyncio.CancelledError:
                    if place.done() and not place.cancelled():
                        self._wake()
                    raise
                finally:
                    if place in self._waiting:
                        self._waiting.remove(place)
            pause = self._until - time.monotonic()
            if pause <= 0:
                self.open += 1
                return
            await asyncio.sleep(pause)

    def _wake(self) -> None:
        free = int(self.width) - self.open
        while free > 0 and self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                free -= 1
