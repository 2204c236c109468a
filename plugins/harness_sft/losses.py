"""The loss of packed parts: cross-entropy at labels, a few at a time, with its gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from harness_sft.batches import IGNORED, Part

PLACES = 64
"""Tokens whose logits are in float32 at once: with a small vocabulary they fit a core's cache."""
_LABEL_STEP = 64


def label_logits(model: nn.Module, part: Part) -> tuple[Tensor, Tensor]:
    """Logits and labels of a packed part; the head runs only at labels, and at a few more tokens
    with the label ``IGNORED``, so that their number is a multiple of ``_LABEL_STEP``.
    """
    labels = part["labels"][0, 1:]
    scored = (labels != IGNORED).nonzero().squeeze(1)
    missing = -len(scored) % _LABEL_STEP
    scored = torch.cat([scored, (labels == IGNORED).nonzero().squeeze(1)[:missing]])
    logits = model(
        input_ids=part["input_ids"],
        position_ids=part["position_ids"],
        cu_seq_lens_q=part["cu_seq_lens_q"].tolist(),
        logits_to_keep=scored,
        use_cache=False,
    ).logits[0]
    return logits, labels[scored]


class LabelLoss(torch.autograd.Function):
    """Cross-entropy of ``logits`` (tokens, vocabulary) with ``labels`` (tokens), summed, in nats.

    Tokens with the label ``IGNORED`` do not count. The gradient is computed in the same pass, in
    the dtype of the logits, so that their float32 form is never kept (as in Liger-Kernel,
    arXiv:2410.10989); one backward pass may follow.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor) -> Tensor:
        total = torch.zeros((), device=logits.device)
        ctx.slope = torch.empty_like(logits) if ctx.needs_input_grad[0] else None
        for start in range(0, len(labels), PLACES):
            here = slice(start, start + PLACES)
            scores = logits[here].float().log_softmax(-1)
            kept = labels[here] != IGNORED
            wanted = labels[here].clamp_min(0).unsqueeze(1)
            total -= scores.gather(1, wanted).squeeze(1)[kept].sum()
            if ctx.slope is not None:
                scores.exp_().scatter_add_(1, wanted, scores.new_full(wanted.shape, -1.0))
                scores[~kept] = 0.0
                ctx.slope[here] = scores
        return total

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        slope, ctx.slope = ctx.slope, None
        return slope.mul_(slopes[0]), None
