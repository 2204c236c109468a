"""Keep keys and values of many conversations in slots, each filled to a length of its own."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from harness_local.window import Window

_GROWTH = 256
"""Slots grow in length by multiples of this many tokens."""


class SlotCache(Cache):
    """A transformers cache of slots, each of its own length; ``update`` returns them all.

    Call ``look_at`` before each forward pass. Only the attention ``SLOTS`` knows what to read. What
    was never written is 0: padding may cover it, and a NaN there would spoil sums.
    """

    def __init__(self, *, dtype: torch.dtype, device: torch.device) -> None:
        super().__init__(layers=[])
        self._dtype = dtype
        self._device = device
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []
        self._slot = self._position = torch.empty(0, dtype=torch.long)
        self._size = 0, 0
        self._targets: dict[tuple[int, int], Tensor] = {}

    def look_at(self, window: Window) -> None:
        """Make ``window`` the rows of the next pass; new slots are added."""
        slot = torch.tensor(window.slots).repeat_interleave(torch.tensor(window.counts))
        self._slot = slot.to(self._device)
        self._position = window.positions().to(self._device)
        length = max(map(sum, zip(window.starts, window.counts, strict=True)))
        self._size = max(window.slots) + 1, length
        self._targets.clear()

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """0: slots differ in length, so that positions must be given to the model."""
        return 0

    def update(
        self,
        key_states: Tensor,
        value_states: Tensor,
        layer_idx: int,
        *args: object,
        **kwargs: object,
    ) -> tuple[Tensor, Tensor]:
        """Store states (1, heads, tokens, dim); returns all: (slots, heads, length, dim)."""
        if layer_idx == len(self._keys):
            self._keys.append(self._empty(key_states))
            self._values.append(self._empty(value_states))
        keys = self._keys[layer_idx] = self._stored(self._keys[layer_idx], key_states)
        values = self._values[layer_idx] = self._stored(self._values[layer_idx], value_states)
        return keys, values

    def _empty(self, like: Tensor) -> Tensor:
        _, heads, _, dim = like.shape
        return torch.empty(0, heads, 0, dim, dtype=self._dtype, device=self._device)

    def _stored(self, store: Tensor, states: Tensor) -> Tensor:
        store = self._grown(store)
        _, heads, length, dim = store.shape
        new = states.reshape(-1, dim).to(self._dtype)
        store.view(-1, dim).index_copy_(0, self._target(heads, length), new)
        return store

    def _grown(self, store: Tensor) -> Tensor:
        slots, heads, length, dim = store.shape
        if self._size[0] <= slots and self._size[1] <= length:
            return store
        wanted = (
            max(slots, 1 << (self._size[0] - 1).bit_length()),
            max(length, -(-self._size[1] // _GROWTH) * _GROWTH),
        )
        grown = store.new_zeros(wanted[0], heads, wanted[1], dim)
        grown[:slots, :, :length] = store
        return grown

    def _target(self, heads: int, length: int) -> Tensor:
        """Row numbers in the store seen as (slots * heads * length, dim), in the states' order."""
        if (heads, length) not in self._targets:
            head = torch.arange(heads, device=self._device)[:, None]
            target = (self._slot * heads + head) * length + self._position
            self._targets[heads, length] = target.reshape(-1)
        return self._targets[heads, length]
