"""Causal attention within each conversation of a packed row, forward and backward, for CPUs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

BLOCK, SHORT_BLOCK = 192, 64
"""Queries multiplied with the keys before them in one product, in 16 bits and in 32: more waste
half on later keys, with fewer the products are too small.
"""

Place = tuple[int, int, int]
"""Where a conversation starts, and the start and end of a block of its queries."""


class PackedAttention(torch.autograd.Function):
    """Softmax attention of ``query``, ``key`` and ``value`` (heads, tokens, width), scores scaled.

    ``offsets`` are the starts of the conversations, and the end. Blocks of queries are multiplied
    with the keys before them: in bfloat16, at heads of width 32, that is several times as fast on a
    CPU as torch's fused kernel. Gradients are written in place, slice by slice, where autograd
    would make a whole tensor of zeros for each slice.
    """

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, offsets: Sequence[int]
    ) -> Tensor:
        read = torch.empty_like(query)
        block = BLOCK if query.itemsize < torch.float32.itemsize else SHORT_BLOCK
        future = torch.full((block, block), float("-inf"), dtype=query.dtype, device=query.device)
        future.triu_(1)
        weights: list[Tensor] = []
        for begin, start, stop in _places(offsets, block):
            scores = torch.bmm(query[:, start:stop], key[:, begin:stop].transpose(1, 2))
            size = stop - start
            scores[:, :, start - begin :] += future[:size, :size]
            weights.append(scores.softmax(-1))
            read[:, start:stop] = torch.bmm(weights[-1], value[:, begin:stop])
        ctx.offsets, ctx.block = offsets, block
        ctx.save_for_backward(query, key, value, read, *weights)
        return read

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        query, key, value, read, *weights = ctx.saved_tensors
        slope = slopes[0].contiguous()
        of_query = torch.empty_like(query)
        of_key, of_value = torch.zeros_like(key), torch.zeros_like(value)
        # The softmax gradient subtracts each row's mean gradient: done by one more column.
        average = (slope * read).sum(-1, keepdim=True)
        slope_less = torch.cat([slope, -average], -1)
        value_one = torch.cat([value, torch.ones_like(average)], -1)
        for (begin, start, stop), weight in zip(
            _places(ctx.offsets, ctx.block), weights, strict=True
        ):
            of_value[:, begin:stop].baddbmm_(weight.transpose(1, 2), slope[:, start:stop])
            of_scores = torch.bmm(
                slope_less[:, start:stop], value_one[:, begin:stop].transpose(1, 2)
            )
            of_scores.mul_(weight)
            of_query[:, start:stop] = torch.bmm(of_scores, key[:, begin:stop])
            of_key[:, begin:stop].baddbmm_(of_scores.transpose(1, 2), query[:, start:stop])
        return of_query, of_key, of_value, None


def _places(offsets: Sequence[int], block: int) -> Iterator[Place]:
    for begin, end in pairwise(offsets):
        for start in range(begin, end, block):
            yield begin, start, min(start + block, end)
