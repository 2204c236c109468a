from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from harness.elsewhere.parcels import ChildTraceback
from harness.errors import (
    ChatFailure,
    ConfigError,
    HarnessError,
    PluginFailed,
    RolloutFault,
    RunError,
    plugin_boundary,
)
from harness.evaluation.in_order import in_order
from harness.protocols import Settings
from harness.testing import check_executor
from harness_asyncio.executor import asyncio_executor
from harness_asyncio.forking import ForkExecutor, fork_executor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")

HANGS = 60.0
"""Seconds after which a test gives up; what works ends in a tenth of one."""


class NeedsTwo(Exception):
    """As strangers write them: pickled without complaint, and never unpickled."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{reason} ({code})")


class TellsAnother(Exception):
    """Unpickled as an error with another message."""

    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")


class OneWay:
    """Pickled without complaint, and never unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return int, ("not a number",)


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


def run(forks: ForkExecutor, function: Callable[[int], Awaitable[object]]) -> list[object]:
    async def all_of_them() -> list[object]:
        async with asyncio.timeout(HANGS):
            return [result async for _, result in forks.map(function, range(12))]

    return asyncio.run(all_of_them())


def raised_by(function: Callable[[int], Awaitable[object]]) -> BaseException:
    """What comes out of the executor for a function that raises or returns what cannot travel."""
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        run(executor(), function)
    assert not isinstance(caught.value, TimeoutError), "it hangs"
    return caught.value


def raising(error: BaseException) -> Callable[[int], Awaitable[object]]:
    async def fail(item: int) -> object:
        raise error

    return fail


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

    with pytest.raises(RunError, match="killed from outside"):
        run(executor(), die)


def test_a_process_that_closes_its_pipe_is_an_error() -> None:
    async def close_all(item: int) -> int:
        os.closerange(3, 256)
        await asyncio.Event().wait()
        return item

    assert isinstance(raised_by(close_all), RunError)


def test_a_dead_process_whose_own_child_lives_on_is_an_error(tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    async def leave_one_behind(item: int) -> int:
        if item == 0:
            child = os.fork()
            if not child:
                signal.pause()
            pid.write_text(str(child))
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.Event().wait()
        return item

    try:
        assert "killed from outside" in str(raised_by(leave_one_behind))
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("no such key", hint="Correct it."),
        HarnessError("plain"),
        RolloutFault("user_fault", "the user is gone"),
        ChatFailure("rate_limit", "slow down", retry_after=2.5),
        KeyboardInterrupt(),
        SystemExit(3),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_arrives_as_it_was_raised(error: BaseException) -> None:
    found = raised_by(raising(error))
    assert type(found) is type(error)
    assert str(found) == str(error)
    assert vars(found) == vars(error)


def test_attributes_and_notes_that_pickle_leaves_out_arrive_too() -> None:
    error = json.JSONDecodeError("no value", "{", 1)
    error.add_note("in line 3 of the file")
    found = raised_by(raising(error))
    assert type(found) is json.JSONDecodeError
    assert str(found) == str(error)
    assert found.__notes__ == ["in line 3 of the file"]


def test_an_error_of_what_is_run_is_the_cores_out_of_a_process_too() -> None:
    error = json.JSONDecodeError("no value", "{", 1)
    with pytest.raises(json.JSONDecodeError, match="no value"):
        in_order(executor(), raising(error), range(12), plugin="d:fork")


def test_an_error_that_cannot_travel_is_told_without_its_notes() -> None:
    error = NeedsTwo(7, "no")
    error.add_note("a note")
    assert str(raised_by(raising(error))) == "NeedsTwo: no (7)"


def test_a_process_that_cannot_be_started_is_an_error_with_what_to_lower(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fork, started = os.fork, []

    def fail_the_second_time() -> int:
        if started:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        started.append(True)
        return fork()

    monkeypatch.setattr(os, "fork", fail_the_second_time)
    with pytest.raises(RunError, match="cannot be started: Cannot allocate memory") as caught:
        in_order(executor(), raising(ValueError()), range(12), plugin="d:fork")
    assert "processes" in caught.value.hint


def local_error() -> Exception:
    class Local(Exception):
        """Cannot be pickled: nobody else has its class."""

    return Local("seven")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (local_error(), "Local: seven"),
        (NeedsTwo(7, "no"), "NeedsTwo: no (7)"),
        (TellsAnother(7), "TellsAnother: code 7"),
        (ValueError(lambda: 0), "ValueError: <function"),
        (ValueError(OneWay()), "ValueError: <"),
    ],
    ids=["cannot pickle", "cannot unpickle", "changes", "argument cannot", "argument one way"],
)
def test_an_error_that_cannot_travel_is_told_in_words_with_its_traceback(
    error: Exception, words: str
) -> None:
    found = raised_by(raising(error))
    assert isinstance(found, PluginFailed)
    assert words in str(found)
    assert "HARNESS_TRACEBACK" in found.hint
    assert "in fail" in str(found.__cause__)


def test_the_users_traceback_shows_where_in_the_process_it_was_raised_and_why() -> None:
    async def fail(item: int) -> int:
        with plugin_boundary("picky", "turn"):
            try:
                raise NeedsTwo(7, "no")
            except NeedsTwo as error:
                raise OSError("no room") from error

    found = raised_by(fail)
    assert isinstance(found, PluginFailed)
    assert isinstance(found.__cause__, OSError)
    assert isinstance(found.__cause__.__cause__, PluginFailed)
    assert isinstance(found.__cause__.__cause__.__cause__, ChildTraceback)
    shown = "".join(traceback.format_exception(found))
    assert 'raise NeedsTwo(7, "no")' in shown
    assert 'raise OSError("no room") from error' in shown


def test_causes_in_a_circle_are_told_once() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert str(raised_by(raising(first)).__cause__) == "second"


@pytest.mark.parametrize(
    ("result", "words"),
    [(lambda: 0, "type function cannot be pickled"), (OneWay(), "cannot be unpickled")],
    ids=["cannot pickle", "cannot unpickle"],
)
def test_a_result_that_cannot_travel_is_an_error(result: object, words: str) -> None:
    async def give(item: int) -> object:
        return result

    found = raised_by(give)
    assert isinstance(found, RunError)
    assert words in str(found)
    assert "asyncio" in found.hint


def test_a_result_may_be_larger_than_a_pipe() -> None:
    async def give(item: int) -> object:
        return bytes(1_000_000)

    assert run(executor(), give) == [bytes(1_000_000)] * 12


def test_ctrl_c_is_left_to_the_parent() -> None:
    async def interrupted(item: int) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0)
        return item

    assert sorted(run(executor(), interrupted)) == list(range(12))  # type: ignore[type-var]


def test_ctrl_c_ends_the_map_and_its_processes(tmp_path: Path) -> None:
    async def interrupt(item: int) -> int:
        (tmp_path / str(os.getpid())).touch()
        if item == 0:
            os.kill(os.getppid(), signal.SIGINT)
        await asyncio.Event().wait()
        return item

    assert isinstance(raised_by(interrupt), KeyboardInterrupt)
    for path in tmp_path.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.name), 0)


def test_no_pipe_and_no_thread_is_left_behind() -> None:
    async def one(item: int) -> int:
        return item

    async def die(item: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return item

    def left() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

    run(executor(), one)
    before = left()
    for _ in range(50):
        run(executor(), one)
        raised_by(die)
    assert left() == before


@pytest.mark.parametrize(("concurrency", "processes"), [(1, 1), (3, 3), (5, 3)])
def test_concurrency_bounds_what_is_open_in_all_processes_together(
    concurrency: int, processes: int
) -> None:
    reader, writer = os.pipe()

    async def tell(item: int) -> int:
        os.write(writer, b"+")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        os.write(writer, b"-")
        return os.getpid()

    forks = ForkExecutor(processes=3, concurrency=concurrency, least=4)
    assert len(set(run(forks, tell))) == processes
    events = os.read(reader, 1000)
    os.close(reader)
    os.close(writer)
    counts = [events[: end + 1].count(b"+") - events[: end + 1].count(b"-") for end in range(24)]
    assert max(counts) <= concurrency


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (fork_executor, {"concurrency": 0}),
        (fork_executor, {"processes": -1}),
        (fork_executor, {"least": -1}),
        (asyncio_executor, {"concurrency": 0}),
    ],
)
def test_an_option_out_of_bounds_is_refused(
    make: Callable[[Settings], object], options: Mapping[str, int]
) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        make(Settings(options=dict(options)))


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
