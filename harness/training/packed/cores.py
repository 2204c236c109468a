"""Turn token rows into shares of equal work, and shares into a gradient: one thread a core."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
R = TypeVar("R")

Gradient = list[Tensor | None]
"""A slope for each weight; None where the loss does not depend on it."""


def deal(rows: Sequence[T], shares: int, *, length: Callable[[T], int]) -> list[list[T]]:
    """Shares of about equal tokens: longest rows first, each to the smallest share."""
    dealt: list[list[T]] = [[] for _ in range(shares)]
    tokens = [0] * shares
    for row in sorted(rows, key=length, reverse=True):
        least = tokens.index(min(tokens))
        dealt[least].append(row)
        tokens[least] += length(row)
    return dealt


def split(
    rows: Sequence[T], part_tokens: int, *, length: Callable[[T], int], packed: bool = False
) -> list[list[T]]:
    """Parts of rows of similar length, at most ``part_tokens`` each, or of one longer row.

    Tokens count with padding, unless rows are to be ``packed`` end to end.
    """
    parts: list[list[T]] = []
    free = 0
    for row in sorted(rows, key=length, reverse=True):
        cost = length(row) if packed or not parts else length(parts[-1][0])
        if parts and cost <= free:
            parts[-1].append(row)
            free -= cost
        else:
            parts.append([row])
            free = part_tokens - length(row)
    return parts


class Cores:
    """``count`` threads for models on the CPU; each takes the next part of a batch when it is free.

    For models as small as ours that is faster than threads inside each operation. Sums are made in
    the order of the parts, whichever ends first, so that equal parts give equal gradients to the
    last bit, on any number of threads.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))

    def map(self, function: Callable[[T], R], parts: Sequence[T]) -> list[R]:
        """What the function makes of each part, in order; each thread has a grad mode of its own.

        Raises what the function raises.
        """
        with _one_thread():
            return list(self._pool.map(function, parts))

    def gradient(
        self, parts: Sequence[T], loss: Callable[[T], Tensor], weights: Sequence[Tensor]
    ) -> tuple[float, Gradient]:
        """The sum of all parts' losses, and its gradient in float32."""

        def run(part: T) -> tuple[float, Sequence[Tensor | None]]:
            lost = loss(part)
            return float(lost.detach()), torch.autograd.grad(lost, weights, allow_unused=True)

        total, gradient = 0.0, _nothing(weights)
        with _one_thread():
            for lost, slopes in self._pool.map(run, parts):
                total += lost
                gradient = _plus(gradient, slopes)
        return total, gradient

    def close(self) -> None:
        """Stop the threads."""
        self._pool.shutdown()


@contextmanager
def _one_thread() -> Iterator[None]:
    """The number of threads of some libraries is one for the whole process."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _nothing(weights: Sequence[Tensor]) -> Gradient:
    return [None] * len(weights)


def _plus(one: Gradient, other: Sequence[Tensor | None]) -> Gradient:
    """The sum, in float32; overwrites the first."""
    pairs = zip(one, other, strict=True)
    return [a if b is None else b.float() if a is None else a.add_(b) for a, b in pairs]
