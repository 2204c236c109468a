"""Run several conversations through a causal model as one row without padding, fast on a CPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedConfig, PreTrainedModel

ATTENTION = "harness_packed"
BLOCK = 128
PROBE = 256


def packed_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    cu_seq_lens_q: Sequence[int],
    dropout: float = 0.0,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each conversation of a packed row.

    ``query`` is (1, heads, tokens, width); ``cu_seq_lens_q`` are the offsets where conversations
    begin, and the end. Returns (1, tokens, heads, width). Blocks of queries meet the keys before
    them as matrix products: in bf16, at heads of width 32, that is twice as fast on a CPU as the
    fused kernel of torch.
    """
    if torch.is_autocast_enabled(query.device.type):
        kind = torch.get_autocast_dtype(query.device.type)
        query, key, value = query.to(kind), key.to(kind), value.to(kind)
    heads = query.shape[1]
    groups = heads // key.shape[1]
    q = query[0] * scaling
    k = key[0].repeat_interleave(groups, 0).transpose(1, 2)
    v = value[0].repeat_interleave(groups, 0)
    future = torch.full((BLOCK, BLOCK), float("-inf"), dtype=q.dtype, device=q.device).triu(1)
    blocks = []
    for begin, end in pairwise(cu_seq_lens_q):
        for start in range(begin, end, BLOCK):
            stop = min(start + BLOCK, end)
            size = stop - start
            mask = functional.pad(future[:size, :size], (start - begin, 0)).expand(heads, -1, -1)
            scores = torch.baddbmm(mask, q[:, start:stop], k[:, :, begin:stop])
            weights = functional.dropout(scores.softmax(-1), dropout, module.training)
            blocks.append(torch.bmm(weights, v[:, begin:stop]))
    return torch.cat(blocks, 1).transpose(0, 1).unsqueeze(0), None


AttentionInterface.register(ATTENTION, packed_attention)


def label_logits(model: nn.Module, part: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (labels, vocabulary) and labels of a packed part; the head runs at labels alone."""
    labels = part["labels"][0, 1:]
    scored = (labels != -100).nonzero().squeeze(1)
    logits = model(
        input_ids=part["input_ids"],
        position_ids=part["position_ids"],
        cu_seq_lens_q=part["cu_seq_lens_q"].tolist(),
        logits_to_keep=scored,
        use_cache=False,
    ).logits[0]
    return logits, labels[scored]


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

    It does not where tokens meet other than in full attention: windows, convolutions, recurrence.
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
    """Whether no layer has a window, which a short conversation would not show."""
    kinds = getattr(config, "layer_types", None)
    if kinds:
        return set(kinds) == {"full_attention"}
    return getattr(config, "sliding_window", None) is None
