"""Turn logits and seeds into tokens: the same seed draws the same turn whoever shares the batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_STEP = np.uint64(0x9E3779B97F4A7C15)


def draw(
    logits: Tensor, uniforms: NDArray[np.float64], *, temperature: float, top_p: float = 1.0
) -> tuple[list[int], list[float]]:
    """A token for each row, and its log-probability in nats before ``top_p`` cuts.

    logits: (rows, vocabulary). uniforms: (rows,) in [0, 1), the point of each row's cumulative
    distribution to read. Temperature 0 takes the likeliest token, with its log-probability at 1.
    """
    logprobs = torch.log_softmax(logits.float() / (temperature or 1.0), dim=-1)
    if temperature == 0:
        chosen = logprobs.argmax(dim=-1)
    else:
        weights = _nucleus(logprobs.exp().double(), top_p)
        cumulative = weights.cumsum(dim=-1)
        points = torch.as_tensor(uniforms, device=logits.device)[:, None] * cumulative[:, -1:]
        chosen = (cumulative <= points).sum(dim=-1).clamp_(max=logits.shape[-1] - 1)
    taken = logprobs.gather(1, chosen[:, None])[:, 0]
    return chosen.tolist(), taken.tolist()


def uniforms(seeds: Sequence[int], counters: Sequence[int]) -> NDArray[np.float64]:
    """One number in [0, 1) for each pair of seed and counter, a pure function of the pair.

    Steele, Lea & Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014): the
    finaliser of SplitMix64, applied to the seed and again to its sum with the counter.
    """
    mixed = _mix(np.asarray(seeds, dtype=np.uint64) + _STEP)
    mixed = _mix(mixed + np.asarray(counters, dtype=np.uint64) * _STEP)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * _MIX[0]
    state = (state ^ (state >> np.uint64(27))) * _MIX[1]
    return state ^ (state >> np.uint64(31))


def _nucleus(weights: Tensor, top_p: float) -> Tensor:
    """The weights with all but the likeliest tokens that reach ``top_p`` together set to 0."""
    if top_p >= 1:
        return weights
    ordered, order = weights.sort(dim=-1, descending=True)
    before = ordered.cumsum(dim=-1) - ordered
    kept = ordered * (before < top_p)
    return torch.zeros_like(weights).scatter_(1, order, kept)
