"""Say which tokens of which conversations pass through the model at once, and what each may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

import torch
from torch import Tensor

SHORT = 16
"""Rows of at most so many new tokens are worth padding to one length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Padded:
    """The short rows of a window as a batch, padded to their longest.

    ``slots``: (rows,). ``places``: (rows, width), where in the window each token is. ``visible``:
    (rows, 1, width, length), what each may look at. ``real``: (tokens,), those of the rows * width
    places that are no padding, and ``tokens``: (tokens,), where in the window these are.
    """

    slots: Tensor
    places: Tensor
    visible: Tensor
    real: Tensor
    tokens: Tensor


@dataclass(frozen=True, kw_only=True)
class Window:
    """The rows of one forward pass, packed one after the other into a batch of one.

    Row ``i`` brings ``counts[i]`` new tokens, which go into slot ``slots[i]`` from position
    ``starts[i]`` on. Pass it to the model as ``window``.
    """

    slots: Sequence[int]
    starts: Sequence[int]
    counts: Sequence[int]
    masks: dict[tuple[int, int], Tensor] = field(default_factory=dict)
    padded: dict[torch.device, Padded | None] = field(default_factory=dict)

    def positions(self) -> Tensor:
        """(tokens,): where in its slot each token goes."""
        counts = torch.tensor(self.counts)
        before = counts.cumsum(0) - counts
        shift = (torch.tensor(self.starts) - before).repeat_interleave(counts)
        return torch.arange(len(shift)) + shift

    def mask(self, start: int, count: int, query: Tensor) -> Tensor | None:
        """(count, start + count), -inf where a new token may not look; None: it may anywhere. Of
        the query's own dtype: float64 beside another one is attended to wrongly, without an error.
        """
        if count == 1:
            return None
        if (start, count) not in self.masks:
            hidden = torch.full(
                (count, start + count), -torch.inf, device=query.device, dtype=query.dtype
            )
            self.masks[start, count] = hidden.triu_(start + 1)
        return self.masks[start, count]

    @cached_property
    def firsts(self) -> Sequence[int]:
        """Where in the window each row begins."""
        return [0, *accumulate(self.counts)][:-1]

    def short_rows(self, device: torch.device) -> Padded | None:
        """The rows of at most ``SHORT`` new tokens, if there are any."""
        if device not in self.padded:
            self.padded[device] = self._short_rows(device)
        return self.padded[device]

    def _short_rows(self, device: torch.device) -> Padded | None:
        rows = [row for row, count in enumerate(self.counts) if count <= SHORT]
        if not rows:
            return None
        figures = [(self.slots[r], self.firsts[r], self.starts[r], self.counts[r]) for r in rows]
        slots, firsts, starts, counts = torch.tensor(figures, device=device).T[:, :, None]
        steps = torch.arange(max(self.counts[r] for r in rows), device=device)
        length = max(self.starts[r] + self.counts[r] for r in rows)
        places = (firsts + steps).clamp_(max=sum(self.counts) - 1)
        real = (steps < counts).flatten().nonzero()[:, 0]
        return Padded(
            slots=slots[:, 0],
            places=places,
            visible=torch.arange(length, device=device) <= (starts + steps)[:, None, :, None],
            real=real,
            tokens=places.flatten()[real],
        )
