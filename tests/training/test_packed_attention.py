from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from harness.training.packed.attention import BLOCK, SHORT_BLOCK, PackedAttention

HEADS, WIDTH = 2, 8


@pytest.mark.parametrize(
    "lengths", [[1], [5, 3], [SHORT_BLOCK], [SHORT_BLOCK + 1, 2], [2 * BLOCK + 7, 1, BLOCK]]
)
def test_reading_and_its_slopes_are_those_of_each_conversation_alone(lengths: list[int]) -> None:
    maker = torch.Generator().manual_seed(0)
    offsets = [sum(lengths[:n]) for n in range(len(lengths) + 1)]
    shape = (HEADS, offsets[-1], WIDTH)
    query, key, value, slope = (torch.randn(shape, generator=maker) for _ in range(4))
    inputs = [tensor.requires_grad_() for tensor in (query, key, value)]

    read = PackedAttention.apply(*inputs, offsets)
    alone = torch.cat(
        [
            scaled_dot_product_attention(
                *(tensor[None, :, begin:end] for tensor in inputs), is_causal=True, scale=1.0
            )[0]
            for begin, end in pairwise(offsets)
        ],
        dim=1,
    )

    torch.testing.assert_close(read, alone)
    for packed, plain in zip(
        torch.autograd.grad(read, inputs, slope),
        torch.autograd.grad(alone, inputs, slope),
        strict=True,
    ):
        torch.testing.assert_close(packed, plain, atol=1e-4, rtol=1e-4)
