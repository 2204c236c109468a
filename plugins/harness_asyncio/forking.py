"""Apply an async function to many items in forked processes: all cores for what needs one each."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TypeVar

from harness.assembly.config import read_options
from harness.errors import RunError
from harness.protocols import Executor, Settings
from harness.runtime.processes import can_fork, end_with_parent
from harness_asyncio.executor import AsyncioExecutor

T = TypeVar("T")
R = TypeVar("R")
_ENDED = """\
If memory ran out: lower processes under [options.fork], or choose the executor "asyncio"."""
Found = tuple[int, object]
"""The index of an item and its result; -1 and the error that ended the process, or None."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """``processes`` 0: as many as cores. ``concurrency``: items at once, all processes together.

    Fewer than ``least`` items are not worth a fork and stay in this process.
    """

    processes: int = 0
    concurrency: int = 64
    least: int = 33


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
    """Deals the items to forked copies of this process; only their results come back.

    What the function changes in memory is lost, and so everything stays in this process while
    ``shares_memory`` says that it matters (chat models share a cache, limits and a budget), where
    the system cannot fork, and for few items. The same items on as many processes are dealt the
    same way.
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
        alone = self.processes < 2 or len(items) < self.least or not can_fork()
        if alone or self._shares_memory():
            async for pair in AsyncioExecutor(self.concurrency).map(function, items):
                yield pair
            return
        loop, found = asyncio.get_running_loop(), asyncio.Queue[Found]()
        each = -(-self.concurrency // self.processes)

        def work(share: int, out: Connection) -> None:
            _serve(function, items, range(share, len(items), self.processes), each, out)

        def tell(pair: Found) -> None:
            loop.call_soon_threadsafe(found.put_nowait, pair)

        with _forked(work, self.processes) as readers:
            for reader in readers:
                threading.Thread(target=_listen, args=(reader, tell), daemon=True).start()
            running = len(readers)
            while running:
                index, result = await found.get()
                if index >= 0:
                    yield index, result  # type: ignore[misc]
                elif isinstance(result, BaseException):
                    raise result
                else:
                    running -= 1


@contextmanager
def _forked(work: Callable[[int, Connection], None], count: int) -> Iterator[list[Connection]]:
    """So many processes at work, each with the end of a pipe to read; none outlives the block."""
    context = multiprocessing.get_context("fork")
    processes: list[BaseProcess] = []
    readers: list[Connection] = []
    try:
        for number in range(count):
            reader, writer = context.Pipe(duplex=False)
            process = context.Process(target=work, args=(number, writer), daemon=True)
            process.start()
            writer.close()
            processes.append(process)
            readers.append(reader)
        yield readers
    finally:
        for started in processes:
            started.kill()
        for started in processes:
            started.join()


def _serve(
    function: Callable[[T], Awaitable[R]],
    items: Sequence[T],
    share: Sequence[int],
    concurrency: int,
    out: Connection,
) -> None:
    """In a forked process: the results of its share, then the error that ended it, or None."""
    end_with_parent()
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)  # its threads were not forked along

    async def all_of_them() -> None:
        executor = AsyncioExecutor(concurrency)
        async for place, result in executor.map(function, [items[index] for index in share]):
            out.send((share[place], result))

    error: BaseException | None = None
    try:
        asyncio.run(all_of_them())
    except KeyboardInterrupt:
        return  # the parent was interrupted as well
    except BaseException as raised:
        error = raised
    try:
        out.send((-1, error))
    except (pickle.PicklingError, TypeError, AttributeError):
        out.send((-1, RunError(f"{type(error).__name__}: {error}")))


def _listen(reader: Connection, tell: Callable[[Found], None]) -> None:
    """Pass on what a process sends until it ends; a death without a word is an error."""
    index = 0
    while index >= 0:
        try:
            index, result = reader.recv()
        except (EOFError, OSError):
            index, result = (
                -1,
                RunError("a process of the executor was ended from outside", hint=_ENDED),
            )
        try:
            tell((index, result))
        except RuntimeError:
            return  # nobody waits any more
