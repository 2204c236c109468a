import asyncio
import time
from itertools import pairwise

import pytest

from harness.errors import ChatFailure
from harness.llm import limits
from harness.llm.limits import StartQueue, Throttle
from harness.llm.shared import CallOptions
from harness.protocols.chat_model import Allowance
from harness.testing.wires import Reply
from harness.types import Message

LIMITED = ChatFailure("rate_limit", "slow down")


def most_open(throttle, count):
    """How many of ``count`` calls were open at once at most."""
    seen = []

    async def call():
        async with throttle:
            seen.append(throttle.open)
            await asyncio.sleep(0)

    async def all_of_them():
        await asyncio.gather(*(call() for _ in range(count)))

    asyncio.run(all_of_them())
    return max(seen)


def test_no_more_calls_are_open_than_allowed() -> None:
    assert most_open(Throttle(4), 50) == 4


def test_a_rate_limit_halves_and_answers_bring_back_one_by_one() -> None:
    throttle = Throttle(16)
    throttle.failed(LIMITED)
    assert most_open(throttle, 50) == 8
    for _ in range(9):
        throttle.succeeded(None)
    assert most_open(throttle, 50) == 9


def test_a_volley_of_rate_limits_counts_once(monkeypatch) -> None:
    throttle = Throttle(16)
    for _ in range(10):
        throttle.failed(LIMITED)
    assert throttle.width == 8
    monkeypatch.setattr(limits, "COOLING", 0.0)
    for _ in range(10):
        throttle.failed(LIMITED)
    assert throttle.width == 1


def test_other_failures_do_not_slow_down() -> None:
    throttle = Throttle(16)
    throttle.failed(ChatFailure("server_error", "oops"))
    assert throttle.width == 16


@pytest.mark.parametrize(
    "told",
    [
        lambda throttle: throttle.succeeded(Allowance(requests=0, seconds=0.1)),
        lambda throttle: throttle.failed(ChatFailure("rate_limit", "", retry_after=0.1)),
    ],
)
def test_a_pause_that_is_asked_for_holds_for_every_call(told) -> None:
    throttle = Throttle(4)
    told(throttle)
    started = time.monotonic()
    most_open(throttle, 2)
    assert time.monotonic() - started >= 0.09


def test_a_waiting_call_that_is_cancelled_takes_no_place() -> None:
    throttle = Throttle(1)

    async def scene():
        async with throttle:
            waiting = [asyncio.create_task(hold()) for _ in range(3)]
            await asyncio.sleep(0)
            waiting[0].cancel()
        return await asyncio.gather(*waiting, return_exceptions=True)

    async def hold():
        async with throttle:
            return "held"

    cancelled, *held = asyncio.run(scene())
    assert isinstance(cancelled, asyncio.CancelledError)
    assert held == ["held", "held"]
    assert throttle.open == 0


def test_calls_that_are_ready_at_once_start_one_by_one_in_their_order() -> None:
    start_queue, started = StartQueue(), []

    async def call(number):
        await start_queue.passed()
        started.append(number)

    async def scene():
        calls = [asyncio.create_task(call(number)) for number in range(20)]
        counts = []
        while len(started) < 20:
            await asyncio.sleep(0)
            counts.append(len(started))
        await asyncio.gather(*calls)
        return [later - earlier for earlier, later in pairwise([0, *counts])]

    assert max(asyncio.run(scene())) == 1
    assert started == list(range(20))


def test_a_call_that_is_cancelled_in_the_start_queue_holds_up_nobody() -> None:
    start_queue = StartQueue()

    async def scene():
        calls = [asyncio.create_task(start_queue.passed()) for _ in range(10)]
        await asyncio.sleep(0)
        for call in calls[1:9]:
            call.cancel()
        async with asyncio.timeout(5):
            await calls[9]

    asyncio.run(scene())


def test_a_loop_that_ended_with_calls_in_the_start_queue_holds_up_no_later_one() -> None:
    start_queue = StartQueue()

    async def left_in_the_middle():
        waiting = [asyncio.create_task(start_queue.passed()) for _ in range(5)]
        await asyncio.sleep(0)
        return waiting

    async def later():
        async with asyncio.timeout(5):
            await asyncio.gather(*(start_queue.passed() for _ in range(5)))

    asyncio.run(left_in_the_middle())
    asyncio.run(later())


def test_headers_that_leave_no_request_hold_the_next_one_back(serve, calls) -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "150ms"}
    serve("openai", lambda asked: Reply(text="Yes.", headers=headers))
    chat = calls().chat("user", "openai")

    async def twice():
        await chat.ask([Message(role="user", content="x")], system="", version="1")
        started = time.monotonic()
        await chat.ask([Message(role="user", content="y")], system="", version="1")
        return time.monotonic() - started

    assert asyncio.run(twice()) >= 0.14


def test_pauses_double_up_to_the_longest_and_are_spread() -> None:
    options = CallOptions(first_pause=1, longest_pause=8)
    assert [options.pause(n, None, 1.0) for n in (1, 2, 3, 4, 5)] == [1, 2, 4, 8, 8]
    assert options.pause(3, None, 0.0) == 2


def test_a_pause_is_never_shorter_than_the_provider_asks() -> None:
    options = CallOptions(first_pause=1, longest_wait=60)
    assert options.pause(1, 30.0, 0.0) == 30
    assert options.pause(1, 61.0, 0.0) is None
