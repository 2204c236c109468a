"""Turn an executor into a verdict: does it keep its protocol?"""

from __future__ import annotations

import asyncio

from harness.protocols import Executor
from harness.testing.findings import Check, demand


def check_executor(executor: Executor, *, items: int = 50) -> None:
    """Check that each item is done once, under its own index, and that errors come through."""

    async def square(item: int) -> int:
        await asyncio.sleep(0)
        return item * item

    async def fail(item: int) -> int:
        raise ZeroDivisionError

    async def collect() -> list[tuple[int, int]]:
        return [pair async for pair in executor.map(square, range(items))]

    async def break_down() -> bool:
        try:
            async for _ in executor.map(fail, range(items)):
                pass
        except ZeroDivisionError:
            return True
        return False

    with Check(executor) as check:
        with check.rule(
            "A conversation that is lost, doubled or misplaced makes figures wrong in silence.",
            "Yield (index, result) for each item as it ends: its place among the items.",
        ):
            done = asyncio.run(collect())
            wanted = [(index, index * index) for index in range(items)]
            demand(sorted(done) == wanted, "each item is done once, under its own index")
        with check.rule(
            "A fault that is swallowed goes on as a run with holes in it.",
            "Cancel the other items and raise the error of the one that failed.",
        ):
            demand(asyncio.run(break_down()), "an error in one item comes out of map()")
