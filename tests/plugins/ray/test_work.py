"""The account of the items of one map: what runs, what is delivered, what was lost how often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from harness.elsewhere.parcels import packed_result
from harness.errors import RunError
from harness_ray.work import Work


def work_of(items: int, *, concurrency: int = 4, retries: int = 2, seconds: float = 60.0) -> Work:
    return Work(
        [f"item {n}" for n in range(items)],
        concurrency=concurrency,
        retries=retries,
        start_seconds=seconds,
    )


def taken(work: Work, *, is_idle: bool = False) -> list[tuple[int, bool]]:
    """All that a process without limits would get now."""
    found = []
    while (item := work.next_item(is_idle=is_idle)) is not None:
        found.append(item)
    return found


def delivered(work: Work, *indices: int) -> None:
    for index in indices:
        work.deliver(index, packed_result(index, f"result {index}"))


def test_no_more_is_given_out_than_is_taken_up() -> None:
    work = work_of(10)
    assert taken(work) == [(0, False), (1, False), (2, False), (3, False)]
    delivered(work, 0, 1, 2, 3)
    assert taken(work) == []

    async def consume() -> None:
        results: AsyncIterator[tuple[int, object]] = work.results()
        assert await anext(results) == (0, "result 0")
        assert taken(work) == []
        assert await anext(results) == (1, "result 1")
        assert taken(work) == [(4, False)]

    asyncio.run(consume())


def test_a_result_that_comes_twice_is_delivered_once() -> None:
    work = work_of(2)
    taken(work)
    work.lost([0], "gone")
    assert taken(work) == [(0, False)]
    delivered(work, 0, 0, 1, 0)

    async def consume() -> list[tuple[int, object]]:
        return [pair async for pair in work.results()]

    assert asyncio.run(consume()) == [(0, "result 0"), (1, "result 1")]


def test_an_item_that_lost_two_processes_waits_for_one_to_itself() -> None:
    work = work_of(6)
    taken(work)
    work.lost([1, 2], "gone")
    assert [index for index, _ in taken(work)] == [2, 1]
    work.lost([1, 2], "gone")
    assert [index for index, _ in taken(work)] == [4, 5]
    work.lost([4, 5], "gone")
    assert work.next_item(is_idle=True) == (1, True)
    assert work.next_item(is_idle=False) == (5, False)


def test_an_item_is_named_with_the_reason_when_its_retries_are_used_up() -> None:
    work = work_of(3, retries=1)

    async def consume() -> None:
        async for _ in work.results():
            pass

    for _ in range(2):
        work.next_item(is_idle=True)
        work.lost([0], "its memory ran out")
    with pytest.raises(RunError, match="item 0 died 2 times, at last: its memory ran out"):
        asyncio.run(consume())


def test_where_nobody_serves_it_is_an_error_and_where_somebody_does_it_is_waited_for() -> None:
    async def consume(work: Work) -> object:
        return await anext(work.results())

    with pytest.raises(RunError, match=r"no process of the cluster has answered for 0\.01 s"):
        asyncio.run(consume(work_of(1, seconds=0.01)))

    async def late() -> object:
        work = work_of(1, seconds=0.01)
        work.serving = 1
        asyncio.get_running_loop().call_later(0.05, lambda: delivered(work, 0))
        return await consume(work)

    assert asyncio.run(late()) == (0, "result 0")
