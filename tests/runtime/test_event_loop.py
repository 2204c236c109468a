import asyncio
import gc
import socket
from contextlib import ExitStack

import pytest

from harness.runtime import event_loop


def test_what_the_coroutine_returns_or_raises_comes_out() -> None:
    async def work(fails: bool) -> int:
        await asyncio.sleep(0)
        if fails:
            raise ValueError("on purpose")
        return 7

    assert event_loop.run(work(False)) == 7
    with pytest.raises(ValueError, match="on purpose"):
        event_loop.run(work(True))


def test_answers_that_come_at_once_are_read_a_few_at_a_time_and_all_of_them() -> None:
    read: list[int] = []
    at_once: list[int] = []

    async def burst(receivers: list[socket.socket]) -> None:
        loop = asyncio.get_running_loop()

        def receive(number: int) -> None:
            receivers[number].recv(1)
            read.append(number)

        for number, receiver in enumerate(receivers):
            loop.add_reader(receiver, receive, number)
        while len(read) < len(receivers):
            before = len(read)
            await asyncio.sleep(0)
            at_once.append(len(read) - before)
        for receiver in receivers:
            loop.remove_reader(receiver)

    with ExitStack() as stack:
        receivers = []
        for _ in range(100):
            sender, receiver = (stack.enter_context(end) for end in socket.socketpair())
            sender.send(b"x")
            receivers.append(receiver)
        event_loop.run(burst(receivers))
    assert sorted(read) == list(range(100))
    assert max(at_once) <= event_loop.ANSWERS_PER_TURN


def test_afterwards_the_garbage_collector_sees_everything_again() -> None:
    async def frozen() -> int:
        return gc.get_freeze_count()

    assert event_loop.run(frozen()) > 0
    assert gc.get_freeze_count() == 0
