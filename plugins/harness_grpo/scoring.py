"""Turn conversations into the log-probabilities of some of their tokens under a model.

Rows are padded on the right or packed end to end; either way a causal model needs no mask.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

PLACES = 64
"""Tokens whose logits are looked at together: with a small vocabulary they fit a core's cache."""

HEAD_CHANGES = (
    "final_logit_softcapping",
    "logit_scale",
    "logits_scaling",
    "output_multiplier",
    "lm_head_multiplier",
)


def can_run_head_alone(model: Any) -> bool:
    """Whether logits are the head's plain output; on GPUs TRL has a kernel for that."""
    plain = all(getattr(model.config, name, None) in (None, 1.0) for name in HEAD_CHANGES)
    return plain and isinstance(model, PreTrainedModel) and model.device.type == "cpu"


def scores(
    model: Any,
    ids: Tensor,
    lengths: Tensor,
    scored: Tensor,
    *,
    temperature: float,
    packs: bool,
) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies (nats) where ``scored``, 0 elsewhere; (rows, width - 1).

    ``ids``: (rows, width), padded on the right beyond ``lengths``; ``scored``: (rows, width - 1),
    for the tokens after the first. The head runs at those alone. ``packs``: the model attends to
    packed rows (``harness.training.packed.packing.packed``).
    """
    hidden = _packed(model, ids, lengths, scored) if packs else _padded(model, ids, scored)
    logits = model.get_output_embeddings()(hidden)
    score: Callable[..., tuple[Tensor, Tensor]] = TokenScores.apply
    logprobs, entropies = score(logits, ids[:, 1:][scored], temperature)
    return _spread(logprobs, scored), _spread(entropies, scored)


class TokenScores(torch.autograd.Function):
    """Log-probabilities of ``tokens`` (tokens,), and entropies of their distributions, in nats.

    ``logits``: (tokens, vocabulary), divided by ``temperature``. Entropies have no gradient. Of
    their size nothing is kept but the probabilities, which the gradient is computed from in place.
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, tokens: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor]:
        ctx.temperature, ctx.tokens = temperature, tokens
        ctx.probabilities = torch.empty_like(logits) if ctx.needs_input_grad[0] else None
        logprobs = logits.new_empty(len(tokens), dtype=torch.float32)
        entropies = torch.empty_like(logprobs)
        for start in range(0, len(tokens), PLACES):
            here = slice(start, start + PLACES)
            found = logits[here].float().div(temperature).log_softmax(-1)
            logprobs[here] = found.gather(1, tokens[here].unsqueeze(1)).squeeze(1)
            weights = found.exp()
            if ctx.probabilities is not None:
                ctx.probabilities[here] = weights
            entropies[here] = -weights.mul_(found).sum(-1)
        ctx.mark_non_differentiable(entropies)
        return logprobs, entropies

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:
        of_logits, ctx.probabilities = ctx.probabilities, None
        slope = (slopes[0] / ctx.temperature).to(of_logits.dtype).unsqueeze(1)
        of_logits.mul_(-slope).scatter_add_(1, ctx.tokens.unsqueeze(1), slope)
        return of_logits, None, None


def _padded(model: Any, ids: Tensor, scored: Tensor) -> Tensor:
    """What the head reads to predict the scored tokens, (tokens, width of the model)."""
    hidden: Tensor = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
    return hidden[:, :-1][scored]


def _packed(model: Any, ids: Tensor, lengths: Tensor, scored: Tensor) -> Tensor:
    steps = torch.arange(ids.shape[1])
    real = steps < lengths[:, None]
    hidden: Tensor = model.base_model(
        input_ids=ids[real][None],
        position_ids=steps.expand_as(ids)[real][None],
        cu_seq_lens_q=[0, *accumulate(lengths.tolist())],
        use_cache=False,
    ).last_hidden_state
    places = (real.flatten().cumsum(0) - 1).view_as(real)
    return hidden[0, places[:, :-1][scored]]


def _spread(values: Tensor, places: Tensor) -> Tensor:
    return values.new_zeros(places.shape).masked_scatter(places, values)
