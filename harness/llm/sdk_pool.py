"""Turn the maker of an SDK's client into as many clients as the calls of an event loop need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

Client = TypeVar("Client")

CALLS_PER_CLIENT = 32
"""An HTTP client looks through all its connections for each call: one client for a thousand open
calls would spend more time on that than on the calls.
"""


class Clients(Generic[Client]):
    """Clients of the running event loop, each for so many calls at once, closed when it ends.

    Connections cannot move from one loop to another.
    """

    def __init__(
        self,
        make: Callable[[], Client],
        most: int = CALLS_PER_CLIENT,
        close: Callable[[Client], Awaitable[object]] | None = None,
    ) -> None:
        self._make = make
        self._most = most
        self._close = close
        self._of: dict[asyncio.AbstractEventLoop, list[_Shared[Client]]] = {}
        self._ends: dict[asyncio.AbstractEventLoop, AsyncIterator[None]] = {}

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Client]:
        """A client with a place free, made if there is none."""
        loop = asyncio.get_running_loop()
        if loop not in self._of:
            self._of[loop] = []
            self._ends[loop] = self._until_the_end(loop)
            await anext(self._ends[loop])
        clients = self._of[loop]
        chosen = next((shared for shared in clients if shared.calls < self._most), None)
        if chosen is None:
            chosen = _Shared(self._make())
            clients.append(chosen)
        chosen.calls += 1
        try:
            yield chosen.client
        finally:
            chosen.calls -= 1

    async def _until_the_end(self, loop: asyncio.AbstractEventLoop) -> AsyncIterator[None]:
        """Waits in the middle of a generator: asyncio ends those that are left with their loop."""
        try:
            yield
        finally:
            del self._ends[loop]
            for shared in self._of.pop(loop):
                if self._close is not None:
                    await self._close(shared.client)


@dataclass(slots=True)
class _Shared(Generic[Client]):
    client: Client
    calls: int = 0
