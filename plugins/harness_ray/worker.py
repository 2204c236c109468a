"""What an actor does: it makes functions from orders and runs items, many at once."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import platform
import socket
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from harness.elsewhere.parcels import packed_error, packed_result, unpack
from harness.elsewhere.references import made_again
from harness.protocols import ChatReply, Products
from harness_ray.calls import ASKING, Question, RemoteCalls
from harness_ray.orders import Order, opened

RUNS = 4
"""So many runs have their products kept, in case more work of them comes."""

CLOSED = 1000
"""So many channels that were closed are remembered."""

Sent = tuple[Literal["done", "ask"], int, bytes]
"""What an actor has for the run: a result or error of an item, or a question, by its number."""

Given = tuple[Literal["item", "answer"], int, bytes]
"""What the run has for an actor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """Who an actor is: its machine and process, and the versions of what it was asked for."""

    host: str
    pid: int
    versions: Mapping[str, str]


def versions_here(distributions: Sequence[str]) -> dict[str, str]:
    """The versions of Python and of these distributions in this process; "" if not installed."""
    found = {"Python": ".".join(platform.python_version_tuple()[:2])}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


class Worker:
    """An actor. Each map of an executor has a channel of its own."""

    def __init__(self) -> None:
        self._channels: dict[str, _Channel] = {}
        self._closed: deque[str] = deque(maxlen=CLOSED)
        self._runs: OrderedDict[str, tuple[Products, RemoteCalls]] = OrderedDict()

    async def meet(self, distributions: Sequence[str]) -> Meeting:
        """The first call: only an actor that has answered it gets work."""
        return Meeting(
            host=socket.gethostname(), pid=os.getpid(), versions=versions_here(distributions)
        )

    async def open(self, channel: str, order: Order) -> bytes:
        """Make the function of the order. Returns the error as a parcel, or nothing."""
        if channel in self._closed:  # the order was longer on its way than the map took
            return b""
        try:
            function = opened(order, self._products(order))
        except Exception as error:  # a product that cannot be made on this machine
            return packed_error(error)
        self._channels[channel] = _Channel(function)
        _settle_heap()
        return b""

    async def put(self, channel: str, given: Sequence[Given]) -> None:
        """Start items, and hand over answers."""
        if found := self._channels.get(channel):
            for kind, number, parcel in given:
                found.start(number, parcel) if kind == "item" else found.answered(number, parcel)

    async def take(self, channel: str) -> Sequence[Sent]:
        """All that is ready, as soon as there is something."""
        found = self._channels.get(channel)
        return await found.ready() if found else ()

    async def close(self, channel: str) -> None:
        """Stop what still runs: nobody wants it."""
        self._closed.append(channel)
        if found := self._channels.pop(channel, None):
            found.stop()

    def _products(self, order: Order) -> Products | None:
        if not order.recipe:
            return None
        if order.digest not in self._runs:
            calls = RemoteCalls()
            self._runs[order.digest] = made_again(pickle.loads(order.recipe), calls), calls
            while len(self._runs) > RUNS:
                self._runs.popitem(last=False)
        products, calls = self._runs[order.digest]
        calls.known.update(order.models)
        self._runs.move_to_end(order.digest)
        return products


def _settle_heap() -> None:
    """Keep products and functions out of the garbage collector's sight: it would look through all
    of a domain's data again and again.
    """
    gc.unfreeze()
    gc.collect(1)
    gc.freeze()


class _Channel:
    """The items of one map that run here."""

    def __init__(self, function: Callable[[Any], Awaitable[object]]) -> None:
        self._function = function
        self._running: set[asyncio.Task[None]] = set()
        self._asked: dict[int, asyncio.Future[ChatReply]] = {}
        self._number = 0
        self._outbox: list[Sent] = []
        self._has_some = asyncio.Event()

    def start(self, index: int, pickled: bytes) -> None:
        task = asyncio.create_task(self._run(index, pickled))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def answered(self, number: int, parcel: bytes) -> None:
        asked = self._asked.pop(number, None)
        if asked is None or asked.done():
            return
        try:
            _, reply = unpack(parcel)
            asked.set_result(reply)  # type: ignore[arg-type]
        except Exception as error:  # what the chat model's client raised, there
            asked.set_exception(error)

    async def ready(self) -> Sequence[Sent]:
        await self._has_some.wait()
        self._has_some.clear()
        sent, self._outbox = self._outbox, []
        return sent

    def stop(self) -> None:
        for task in self._running:
            task.cancel()
        self._has_some.set()

    async def _run(self, index: int, pickled: bytes) -> None:
        ASKING.set(self._ask)
        try:
            parcel = packed_result(index, await self._function(pickle.loads(pickled)))
        except (Exception, asyncio.CancelledError) as error:  # the run raises it, unchanged
            parcel = packed_error(error)
        self._send("done", index, parcel)

    async def _ask(self, question: Question) -> ChatReply:
        self._number += 1
        number = self._number
        self._asked[number] = asyncio.get_running_loop().create_future()
        self._send("ask", number, pickle.dumps(question))
        try:
            return await self._asked[number]
        finally:
            self._asked.pop(number, None)

    def _send(self, kind: Literal["done", "ask"], number: int, parcel: bytes) -> None:
        self._outbox.append((kind, number, parcel))
        self._has_some.set()
