from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from harness.errors import RunError
from harness.testing import check_executor
from harness_asyncio.forking import ForkExecutor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")


def executor(processes: int = 2, *, shares_memory: bool = False) -> ForkExecutor:
    return ForkExecutor(
        processes=processes, concurrency=8, least=4, shares_memory=lambda: shares_memory
    )


def pids(forks: ForkExecutor, count: int) -> list[int]:
    """The process that did each of so many items, in their order."""

    async def who(item: int) -> int:
        await asyncio.sleep(0)
        return os.getpid()

    async def all_of_them() -> list[tuple[int, int]]:
        return [pair async for pair in forks.map(who, range(count))]

    return [pid for _, pid in sorted(asyncio.run(all_of_them()))]


def run(forks: ForkExecutor, function: object) -> None:
    async def all_of_them() -> None:
        async for _ in forks.map(function, range(12)):  # type: ignore[arg-type, var-annotated]
            pass

    asyncio.run(all_of_them())


def test_it_keeps_the_contract() -> None:
    check_executor(executor())
    check_executor(executor(5))


def test_items_are_dealt_in_turn_to_processes_of_their_own() -> None:
    found = pids(executor(3), 12)
    assert len(set(found)) == 3
    assert os.getpid() not in found
    assert found[:3] * 4 == found


def test_few_items_stay_in_this_process() -> None:
    assert set(pids(executor(), 3)) == {os.getpid()}


def test_everything_stays_in_this_process_while_memory_is_shared() -> None:
    assert set(pids(executor(shares_memory=True), 12)) == {os.getpid()}


def test_a_process_that_is_killed_is_an_error() -> None:
    async def die(item: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return item

    with pytest.raises(RunError, match="ended from outside"):
        run(executor(), die)


def test_an_error_that_cannot_travel_is_told_in_words() -> None:
    class Local(Exception):
        """Cannot be pickled: nobody else has its class."""

    async def fail(item: int) -> int:
        raise Local("seven")

    with pytest.raises(RunError, match="Local: seven"):
        run(executor(), fail)


def test_no_process_outlives_a_consumer_that_stops_early() -> None:
    async def wait(item: int) -> int:
        await asyncio.sleep(0 if item == 0 else 60)
        return os.getpid()

    async def first() -> int:
        results = executor().map(wait, range(12))
        async for _, pid in results:
            await results.aclose()  # type: ignore[attr-defined]
            return pid
        raise AssertionError

    pid = asyncio.run(first())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_nothing_is_forked_once_cuda_was_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: True)
    assert set(pids(ForkExecutor(processes=2, concurrency=4, least=1), 12)) == {os.getpid()}
