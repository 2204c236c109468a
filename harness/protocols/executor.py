"""Where rollouts run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")

R = TypeVar("R")


class Executor(Protocol):
    """Applies a function to many items: results as they finish, each with its item's index.

    Where the function runs is the executor's choice, unless it ``stays_here``: only results are
    sure to come back, not what it changes in memory. A function of rollouts can be pickled as far
    as its policy can, the run's shared products being referred to: see ``harness.elsewhere``.
    """

    def map(
        self, function: Callable[[T], Awaitable[R]], items: Sequence[T]
    ) -> AsyncIterator[tuple[int, R]]: ...


def stays_here(function: object) -> bool:
    """Whether the core wants what the function changes in memory, so that other processes must not
    run it: a judge remembers how often a second one agreed.
    """
    return bool(getattr(function, "stays_here", False))


def has_threads(function: object) -> bool:
    """Whether the function's policy keeps threads or connections, which a forked process lacks; it
    may be pickled all the same.
    """
    return bool(getattr(function, "has_threads", False))
