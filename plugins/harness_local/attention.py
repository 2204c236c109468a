"""Attend to conversations in the slots of a ``SlotCache``, each at its own length."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from harness_local.window import SHORT, Window

SLOTS = "harness_slots"
"""The attention implementation that a model must use with a ``SlotCache``."""


def attend_to_slots(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    window: Window,
    scaling: float | None = None,
    **kwargs: object,
) -> tuple[Tensor, None]:
    """Each row's queries against the filled part of its slot.

    query: (1, heads, tokens, dim). key, value: whole stores of a ``SlotCache``. Returns
    (1, tokens, heads, dim) and no weights, as transformers wants it.
    """
    attend = padded_attention if query.device.type == "cuda" else row_attention
    return attend(query, key, value, window, scaling).transpose(1, 2).contiguous(), None


def row_attention(
    query: Tensor, key: Tensor, value: Tensor, window: Window, scaling: float | None
) -> Tensor:
    """(1, heads, tokens, dim), row by row: no padding is computed or read."""
    rows = range(len(window.counts))
    return torch.cat([_of_row(row, query, key, value, window, scaling) for row in rows], dim=2)


def padded_attention(
    query: Tensor, key: Tensor, value: Tensor, window: Window, scaling: float | None
) -> Tensor:
    """The same with one call for all short rows: on a GPU a call costs more than padding."""
    read = torch.empty_like(query, dtype=value.dtype)
    for row, count in enumerate(window.counts):
        if count > SHORT:
            some = slice(window.firsts[row], window.firsts[row] + count)
            read[:, :, some] = _of_row(row, query, key, value, window, scaling)
    if (short := window.short_rows(query.device)) is not None:
        length = short.visible.shape[-1]
        of_short = nn.functional.scaled_dot_product_attention(
            query[0].transpose(0, 1)[short.places].transpose(1, 2),
            key[short.slots, :, :length],
            value[short.slots, :, :length],
            attn_mask=short.visible,
            scale=scaling,
            enable_gqa=query.shape[1] != key.shape[1],
        )
        read[0].transpose(0, 1)[short.tokens] = of_short.transpose(1, 2).flatten(0, 1)[short.real]
    return read


def _of_row(
    row: int, query: Tensor, key: Tensor, value: Tensor, window: Window, scaling: float | None
) -> Tensor:
    slot, start, count = window.slots[row], window.starts[row], window.counts[row]
    first, end = window.firsts[row], start + count
    return nn.functional.scaled_dot_product_attention(
        query[:, :, first : first + count],
        key[slot : slot + 1, :, :end],
        value[slot : slot + 1, :, :end],
        attn_mask=window.mask(start, count, query),
        scale=scaling,
        enable_gqa=query.shape[1] != key.shape[1],
    )


AttentionInterface.register(SLOTS, attend_to_slots)
