"""Turn rollouts with advantages and proofs of failed groups into the requests of one update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness_tinker.rows import Floats, Request, Row

PolicyLoss = Literal["importance_sampling", "ppo", "cispo", "gspo"]

ProofLoss = Literal["luffy", "cross_entropy", "chord"]

GAMMA = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """How far a ratio may go from 1: down by ``low``, up by ``high``."""

    low: float
    high: float

    def config(self) -> dict[str, float]:
        """As the servers take it: bounds of the ratio itself."""
        return {"clip_low_threshold": 1 - self.low, "clip_high_threshold": 1 + self.high}


def rollout_request(
    rows: Sequence[Row], loss: PolicyLoss, clip: Clip, now: Sequence[Floats] = ()
) -> Request:
    """The rows with that loss; a row's weights are its advantage times its part of the mean.

    "gspo" needs ``now``, for each row the log-probabilities of its tokens as the weights are: no
    server has it, so that a cross-entropy with the same gradient is sent.
    """
    if loss == "gspo":
        pairs = zip(rows, now, strict=True)
        return Request(rows=[sequence_ratio(*pair, clip) for pair in pairs], loss="cross_entropy")
    config = {} if loss == "importance_sampling" else clip.config()
    return Request(rows=list(rows), loss=loss, config=config)


def sequence_ratio(row: Row, now: Floats, clip: Clip) -> Row:
    """The row whose cross-entropy has the gradient that the row has in GSPO.

    With s = exp(mean of log-probability now minus the sampler's), one ratio for the conversation,
    the loss is -min(s A, clip(s) A). Its slope in each log-probability is -s A / n for n tokens,
    and 0 where the clipped side is the smaller (Zheng et al., "GSPO", arXiv:2507.18071, equation
    5). ``row.weights`` hold A / n, times the row's part of the batch.
    """
    ratio = float(np.exp((now - row.logprobs)[row.learnt].mean()))
    too_high = (row.weights > 0) & (ratio > 1 + clip.high)
    too_low = (row.weights < 0) & (ratio < 1 - clip.low)
    weights = np.where(too_high | too_low, 0.0, row.weights * ratio)
    return replace(row, weights=weights.astype(np.float32))


def clipped(rows: Sequence[Row], now: Sequence[Floats], clip: Clip) -> float:
    """The share of learnt tokens whose ratio is beyond the bound on the side of its advantage."""
    beyond = total = 0
    for row, logprobs in zip(rows, now, strict=True):
        ratio = np.exp(logprobs - row.logprobs)
        high, low = (row.weights > 0) & (ratio > 1 + clip.high), ratio < 1 - clip.low
        beyond += int(((high | (row.weights < 0) & low) & row.learnt).sum())
        total += row.tokens
    return beyond / total if total else 0.0


def proof_request(rows: Sequence[Row], kind: ProofLoss, now: Sequence[Floats] = ()) -> Request:
    """The proofs, whose loss f(p) of each token is not a server's but for "cross_entropy".

    A row's weights are those of f. ``now``: for each row the log-probabilities (nats) as the
    weights are, not needed for "cross_entropy". With p = exp(l) the slope of f in l is

    - "cross_entropy", f = -l: -1;
    - "luffy", f = -p / (p + 0.1): -0.1 p / (p + 0.1)^2 (Yan et al., arXiv:2504.14945);
    - "chord", f = -p (1 - p) l with p (1 - p) a constant: -p (1 - p) (Zhang et al.,
      arXiv:2508.11408),

    and a cross-entropy with that weight has the same gradient.
    """
    if kind == "cross_entropy":
        return Request(rows=list(rows), loss="cross_entropy")
    weighed = []
    for row, logprobs in zip(rows, now, strict=True):
        p = np.exp(logprobs)
        slope = GAMMA * p / (p + GAMMA) ** 2 if kind == "luffy" else p * (1 - p)
        weighed.append(replace(row, weights=(row.weights * slope).astype(np.float32)))
    return Request(rows=weighed, loss="cross_entropy")


def weighed(row: Row, weight: float) -> Row:
    """The row with every learnt token counting ``weight``."""
    return replace(row, weights=np.where(row.learnt, weight, 0).astype(np.float32))
