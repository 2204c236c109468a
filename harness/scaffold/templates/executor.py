"""Rollouts in this process, a few at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from harness.assembly.config import PositiveInt, read_options
from harness.protocols import Executor, Settings

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Options:
    """``at_once``: how many items run at once."""

    at_once: PositiveInt = 8


class Sample(Executor):
    def __init__(self, at_once: int) -> None:
        self.at_once = at_once

    async def map(
        self, function: Callable[[T], Awaitable[R]], items: Sequence[T]
    ) -> AsyncIterator[tuple[int, R]]:
        for start in range(0, len(items), self.at_once):
            batch = items[start : start + self.at_once]
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._one(function, item)) for item in batch]
            for place, task in enumerate(tasks):
                result, error = task.result()
                if error is not None:
                    raise error
                yield start + place, result  # type: ignore[misc]

    async def _one(
        self, function: Callable[[T], Awaitable[R]], item: T
    ) -> tuple[R | None, Exception | None]:
        try:
            return await function(item), None
        except Exception as error:
            return None, error


def sample(settings: Settings) -> Executor:
    return Sample(read_options(Options, settings, name="sample").at_once)
