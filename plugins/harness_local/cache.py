"""Keep keys and values of many conversations in slots, so that a pass computes chosen rows only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.cache_utils import Cache

_GROWTH = 256
"""Slots grow in length by multiples of this many tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one forward pass touches.

    ``slots`` are the rows' slots, ascending. ``positions`` (rows, tokens) is where each new token
    goes in its slot, ``length`` how many positions of each slot are read back.
    """

    slots: Sequence[int]
    positions: Tensor
    length: int


class SlotCache(Cache):
    """A transformers cache whose batch is a choice of slots, each filled up to a length of its own.

    Call ``look_at`` before each forward pass, and give the pass ``position_ids`` and a
    four-dimensional attention mask: what lies beyond the positions a row has seen is not its own.
    """

    def __init__(self, *, dtype: torch.dtype, device: torch.device) -> None:
        super().__init__(layers=[])
        self._dtype = dtype
        self._device = device
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []
        self._window = Window(slots=(), positions=torch.empty(0, 0, dtype=torch.long), length=0)
        self._chosen: Tensor | None = None
        self._targets: dict[tuple[int, int], Tensor] = {}

    def look_at(self, window: Window) -> None:
        """Make ``window`` the rows of the next forward pass. Slots beyond those known are added."""
        self._window = window
        self._targets.clear()
        slots = window.slots
        adjacent = slots[-1] - slots[0] + 1 == len(slots)
        self._chosen = None if adjacent else torch.tensor(slots, device=self._device)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """How many tokens the longest row had before the pass; the others may have fewer."""
        return self._window.length - self._window.positions.shape[1]

    def update(
        self,
        key_states: Tensor,
        value_states: Tensor,
        layer_idx: int,
        *args: object,
        **kwargs: object,
    ) -> tuple[Tensor, Tensor]:
        """Store (rows, heads, tokens, dim); returns the rows' keys and values up to the length."""
        if layer_idx == len(self._keys):
            self._keys.append(self._empty(key_states))
            self._values.append(self._empty(value_states))
        self._keys[layer_idx] = self._stored(self._keys[layer_idx], key_states)
        self._values[layer_idx] = self._stored(self._values[layer_idx], value_states)
        return self._read(self._keys[layer_idx]), self._read(self._values[layer_idx])

    def _empty(self, like: Tensor) -> Tensor:
        _, heads, _, dim = like.shape
        return torch.zeros(0, heads, 0, dim, dtype=self._dtype, device=self._device)

    def _stored(self, store: Tensor, states: Tensor) -> Tensor:
        store = self._grown(store)
        _, heads, length, dim = store.shape
        store.view(-1, dim).index_copy_(
            0, self._target(heads, length), states.reshape(-1, dim).to(self._dtype)
        )
        return store

    def _read(self, store: Tensor) -> Tensor:
        visible = store[:, :, : self._window.length]
        if self._chosen is not None:
            return visible.index_select(0, self._chosen)
        return visible.narrow(0, self._window.slots[0], len(self._window.slots))

    def _grown(self, store: Tensor) -> Tensor:
        slots, heads, length, dim = store.shape
        wanted = self._window.slots[-1] + 1, self._window.length
        if wanted[0] <= slots and wanted[1] <= length:
            return store
        # Zeros, not empty memory: a masked position weighs 0, and 0 times a stray NaN would be NaN.
        grown = torch.zeros(
            max(slots, _power_of_two(wanted[0])) if wanted[0] > slots else slots,
            heads,
            -(-wanted[1] // _GROWTH) * _GROWTH if wanted[1] > length else length,
            dim,
            dtype=self._dtype,
            device=self._device,
        )
        grown[:slots, :, :length] = store
        return grown

    def _target(self, heads: int, length: int) -> Tensor:
        """Row numbers in the store seen as (slots * heads * length, dim), in the states' order."""
        key = heads, length
        if key not in self._targets:
            slots = torch.tensor(self._window.slots, device=self._device)
            head = torch.arange(heads, device=self._device)
            start = (slots[:, None] * heads + head) * length
            target = start[:, :, None] + self._window.positions[:, None, :]
            self._targets[key] = target.reshape(-1)
        return self._targets[key]


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()
