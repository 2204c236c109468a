"""Fill the weights of a small Qwen2 so that it copies by induction before it has learned a thing.

The residual stream has two halves. Embeddings live in the first; layer 0 writes the previous
token's embedding, turned, to the second. In later layers a query asks for its own token; the keys
of half of the heads answer with the token before theirs, so that a head finds where the current
token stood earlier and copies what came next. Olsson et al., "In-context learning and induction
heads" (arXiv:2209.11895) describe the circuit; here it is the start, and training may change it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import Qwen2ForCausalLM
from transformers.models.qwen2.modeling_qwen2 import Qwen2Attention

_PREVIOUS = 9.0
"""Attention score that each of the fast frequencies adds at a distance of one, in nats."""
_FAST = 0.25
"""The share of a head's frequencies, fastest first, that find the previous token."""
_SLOW = 0.5
"""The share of a head's frequencies, slowest first, that turn little over a conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """Strengths of the start (unitless)."""

    match: float = 10.0
    copy: float = 1.0
    own: float = 0.0
    mlp: float = 0.1
    final: float = 1.0


def wire_induction(model: Qwen2ForCausalLM, *, seed: int, wiring: Wiring = Wiring()) -> None:
    """Overwrite the model's weights, once, before training; the same seed gives the same weights.

    The model needs tied embeddings, as many key heads as heads, and an even hidden size.
    """
    maker = torch.Generator().manual_seed(seed)
    config = model.config
    half = config.hidden_size // 2
    with torch.no_grad():
        embeddings = torch.randn(config.vocab_size, half, generator=maker) / config.hidden_size**0.5
        model.model.embed_tokens.weight.copy_(torch.cat([embeddings, 0 * embeddings], dim=1))
        turn = _orthogonal(half, half, maker)
        # A normalised residual has norm sqrt(hidden); the embedding that was there, this much.
        loudness = math.sqrt(half) / math.sqrt(config.hidden_size)
        _look_back(model.model.layers[0].self_attn, turn, loudness, maker)
        for layer in model.model.layers[1:]:
            _match_and_copy(layer.self_attn, turn, loudness, wiring, maker)
        for layer in model.model.layers:
            layer.mlp.down_proj.weight.mul_(wiring.mlp)
        model.model.norm.weight.fill_(wiring.final)


def _look_back(
    attention: Qwen2Attention, turn: Tensor, loudness: float, maker: torch.Generator
) -> None:
    """Each position reads the one before it, by position alone, into the second half."""
    hidden, half = turn.shape[0] * 2, turn.shape[0]
    size = attention.head_dim
    heads = hidden // size
    theta = _frequencies(attention)
    fast = torch.arange(size // 2) < size // 2 * _FAST * 2
    strength = math.sqrt(_PREVIOUS * math.sqrt(size)) * fast
    query = torch.cat([strength * theta.cos(), -strength * theta.sin()])
    key = torch.cat([strength, torch.zeros(size // 2)])
    attention.q_proj.weight.zero_()
    attention.k_proj.weight.zero_()
    attention.q_proj.bias.copy_(query.repeat(heads))
    attention.k_proj.bias.copy_(key.repeat(heads))
    read = _orthogonal(hidden, half, maker)
    attention.v_proj.weight.zero_()
    attention.v_proj.weight[:, :half] = read
    attention.v_proj.bias.zero_()
    attention.o_proj.weight.zero_()
    attention.o_proj.weight[half:] = turn @ read.T * (loudness / math.sqrt(hidden))


def _match_and_copy(
    attention: Qwen2Attention,
    turn: Tensor,
    loudness: float,
    wiring: Wiring,
    maker: torch.Generator,
) -> None:
    half = turn.shape[0]
    size = attention.head_dim
    heads = 2 * half // size
    slow = torch.arange(size // 2) >= size // 2 * (1 - _SLOW)
    lines = torch.cat([slow, slow]).nonzero()[:, 0]
    for projection in (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj):
        projection.weight.zero_()
    for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
        projection.bias.zero_()
    # <Ae, Ae> / sqrt(size) is `match` for equal tokens, whose normalised half has norm sqrt(half).
    scale = math.sqrt(wiring.match * math.sqrt(size) / len(lines))
    copies = heads // 2
    for head in range(heads):
        rows = slice(head * size, (head + 1) * size)
        asks = _orthogonal(half, half, maker)[: len(lines)] * scale
        attention.q_proj.weight[rows][lines, :half] = asks
        if head < copies:
            attention.k_proj.weight[rows][lines, half:] = asks @ turn.T
        else:
            attention.k_proj.weight[rows][lines, :half] = asks
    for group, strength in ((range(copies), wiring.copy), (range(copies, heads), wiring.own)):
        says = _orthogonal(half, half, maker)
        for place, head in enumerate(group):
            rows = slice(head * size, (head + 1) * size)
            part = says[place * size : (place + 1) * size]
            attention.v_proj.weight[rows, :half] = part
            attention.o_proj.weight[:half, rows] = part.T * (strength * loudness / math.sqrt(half))


def _frequencies(attention: Qwen2Attention) -> Tensor:
    parameters: Any = attention.config.rope_parameters
    exponents = torch.arange(0, attention.head_dim, 2) / attention.head_dim
    return torch.pow(1.0 / float(parameters["rope_theta"]), exponents)


def _orthogonal(rows: int, columns: int, maker: torch.Generator) -> Tensor:
    """A random matrix whose columns are orthonormal."""
    made: Tensor = torch.linalg.qr(torch.randn(rows, columns, generator=maker)).Q
    return made
