"""Run several conversations through a causal model as one row without padding, fast on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from transformers import AttentionInterface, PreTrainedConfig, PreTrainedModel

from harness.training.packed.attention import PackedAttention

ATTENTION = "harness_packed"
PROBE = 256
"""Tokens that a model is tried with."""


def packed_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    cu_seq_lens_q: Sequence[int],
    **_: object,
) -> tuple[torch.Tensor, None]:
    """The attention of ``PackedAttention`` as transformers calls it.

    ``query`` is (1, heads, tokens, width); ``cu_seq_lens_q`` are the offsets where conversations
    start, and the end. Returns (1, tokens, heads, width).
    """
    query, key = query.to(value.dtype), key.to(value.dtype)
    groups = query.shape[1] // key.shape[1]
    attend: Callable[..., torch.Tensor] = PackedAttention.apply
    read = attend(
        (query[0] * scaling).contiguous(),
        key[0].repeat_interleave(groups, 0) if groups > 1 else key[0].contiguous(),
        value[0].repeat_interleave(groups, 0) if groups > 1 else value[0].contiguous(),
        cu_seq_lens_q,
    )
    return read.transpose(0, 1).unsqueeze(0), None


AttentionInterface.register(ATTENTION, packed_attention)


@contextmanager
def packed(model: PreTrainedModel) -> Iterator[None]:
    """Let the model attend within conversations of a packed row."""
    before = model.config._attn_implementation
    model.set_attn_implementation(ATTENTION)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


@torch.no_grad()
def can_pack(model: PreTrainedModel, ids: Sequence[int]) -> bool:
    """Whether the model gives a conversation the same logits in a packed row as alone.

    It does not where tokens interact outside full attention: windows, convolutions, recurrence.
    """
    if not (model._supports_attention_backend and _attends_to_all(model.config.get_text_config())):
        return False
    training = model.training
    model.train(False)
    try:
        row = torch.tensor([ids[:PROBE]])
        alone = model(input_ids=row, use_cache=False).logits[0]
        places = torch.arange(row.shape[1])
        with packed(model):
            twice = model(
                input_ids=row.repeat(1, 2),
                position_ids=places.repeat(2).unsqueeze(0),
                cu_seq_lens_q=[0, row.shape[1], 2 * row.shape[1]],
                use_cache=False,
            ).logits[0]
    finally:
        model.train(training)
    return all(torch.allclose(half, alone, atol=1e-2, rtol=1e-3) for half in twice.chunk(2))


def _attends_to_all(config: PreTrainedConfig) -> bool:
    """Whether no layer drops weights or has a window, which a short conversation would not show."""
    if getattr(config, "attention_dropout", 0.0):
        return False
    kinds = getattr(config, "layer_types", None)
    if kinds:
        return set(kinds) == {"full_attention"}
    return getattr(config, "sliding_window", None) is None
