"""Where rollouts run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")

R = TypeVar("R")


class Executor(Protocol):
    """Applies a function to many items: results as they finish, each with its item's index.

    Where the function runs is the executor's choice: only results are sure to come back, not what
    it changes in memory.
    """

    def map(
        self, function: Callable[[T], Awaitable[R]], items: Sequence[T]
    ) -> AsyncIterator[tuple[int, R]]: ...
