"""Apply an async function to many items in forked processes, for CPU-bound work on all cores."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from typing import TypeVar

from pydantic import NonNegativeInt, PositiveInt

from harness.assembly.config import read_options
from harness.elsewhere.parcels import END, packed_error, packed_result, unpack
from harness.errors import RunError
from harness.protocols import Executor, Settings, has_threads
from harness.runtime.processes import can_fork, end_with_parent
from harness_asyncio.executor import AsyncioExecutor

T = TypeVar("T")
R = TypeVar("R")
_HINT = """\
If memory ran out, lower `processes` in [options.fork], or use the executor "asyncio"."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """``processes``: 0 for one per core. ``concurrency``: items at once over all processes.

    Fewer than ``least`` items run in this process: they are not worth a fork.
    """

    processes: NonNegativeInt = 0
    concurrency: PositiveInt = 64
    least: NonNegativeInt = 33


def fork_executor(settings: Settings) -> Executor:
    options = read_options(Options, settings, name="fork")
    calls = settings.calls
    return ForkExecutor(
        processes=options.processes or len(os.sched_getaffinity(0)) if can_fork() else 1,
        concurrency=options.concurrency,
        least=options.least,
        shares_memory=lambda: calls is not None and calls.used,
    )


class ForkExecutor:
    """Distributes the items over forked copies of this process; only their results come back.

    What the function changes in memory is lost. So everything runs in this process while
    ``shares_memory`` says that it matters (chat models share a cache, limits and a budget), where
    the system cannot fork or the function has threads, and for few items. Equal items on equally
    many processes are distributed the same way. There are never more processes than ``concurrency``
    or items.

    What the function raises is raised here unchanged, its last cause the traceback of the process
    (see ``harness.elsewhere.parcels``). A process that dies without an error is a ``RunError``.
    """

    def __init__(
        self,
        *,
        processes: int,
        concurrency: int,
        least: int,
        shares_memory: Callable[[], bool] = lambda: False,
    ) -> None:
        self.processes = processes
        self.concurrency = concurrency
        self.least = least
        self._shares_memory = shares_memory

    async def map(
        self, function: Callable[[T], Awaitable[R]], items: Sequence[T]
    ) -> AsyncIterator[tuple[int, R]]:
        count = min(self.processes, self.concurrency, len(items))
        alone = count < 2 or len(items) < self.least or not can_fork()
        if alone or has_threads(function) or self._shares_memory():
            async for pair in AsyncioExecutor(self.concurrency).map(function, items):
                yield pair
            return

        def work(share: int, out: Connection) -> None:
            at_once = len(range(share, self.concurrency, count))  # distributed like the items
            _serve(function, items, range(share, len(items), count), at_once, out)

        parcels = asyncio.Queue[bytes | None]()
        with _forked(work, count) as readers, _received(readers, parcels):
            running = count
            while running:
                parcel = await parcels.get()
                if parcel is None:
                    raise RunError("a process of the executor was killed from outside", hint=_HINT)
                if parcel == END:
                    running -= 1
                else:
                    yield unpack(parcel)  # type: ignore[misc]


@contextmanager
def _forked(work: Callable[[int, Connection], None], count: int) -> Iterator[list[Connection]]:
    """The read ends of ``count`` running processes' pipes; no process outlives the block."""
    context = multiprocessing.get_context("fork")
    processes: list[ForkProcess] = []
    readers: list[Connection] = []
    try:
        for number in range(count):
            reader, writer = context.Pipe(duplex=False)
            readers.append(reader)
            with writer:
                process = context.Process(target=work, args=(number, writer), daemon=True)
                _start(process)
            processes.append(process)
        yield readers
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
            process.close()
        for reader in readers:
            reader.close()


def _start(process: ForkProcess) -> None:
    try:
        process.start()
    except OSError as error:
        raise RunError(
            f"a process of the executor cannot be started: {error.strerror}", hint=_HINT
        ) from error


@contextmanager
def _received(
    readers: Sequence[Connection], parcels: asyncio.Queue[bytes | None]
) -> Iterator[None]:
    """Put what the pipes deliver into the queue, up to ``END``; None if one closes before that."""
    loop = asyncio.get_running_loop()

    def receive(reader: Connection) -> None:
        try:
            parcel = reader.recv_bytes()
        except (EOFError, OSError, MemoryError):
            parcel = None
        if not parcel:
            loop.remove_reader(reader)
        parcels.put_nowait(parcel)

    for reader in readers:
        loop.add_reader(reader, receive, reader)
    try:
        yield
    finally:
        for reader in readers:
            loop.remove_reader(reader)


def _serve(
    function: Callable[[T], Awaitable[R]],
    items: Sequence[T],
    share: Sequence[int],
    concurrency: int,
    out: Connection,
) -> None:
    """In a forked process: send the results of its share, then ``END`` or the error."""
    end_with_parent()
    os.register_at_fork(after_in_child=out.close)  # else its children would keep the pipe open
    # Ctrl-C is for the parent, which ends this process. SIG_IGN would be passed on to programs.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    signal.set_wakeup_fd(-1)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)  # its threads were not forked along

    async def all_of_them() -> None:
        executor = AsyncioExecutor(concurrency)
        async for place, result in executor.map(function, [items[index] for index in share]):
            out.send_bytes(packed_result(share[place], result))

    try:
        asyncio.run(all_of_them())
        last = END
    except BaseException as error:
        last = packed_error(error)
    with suppress(OSError):  # nobody listens any more
        out.send_bytes(last)
