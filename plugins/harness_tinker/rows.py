"""Turn token traces and the weight of each token in the loss into what a server is sent.

A server computes three losses of a token whose log-probability is l under the weights as they are:
-l (cross-entropy), and with the sampler's own log-probability l0 and an advantage A, the ratio
r = exp(l - l0): -r A (importance sampling), -min(r A, clip(r) A) (ppo), and -clip(r) A l where
clip(r) is a constant (cispo). What it does to the losses of many tokens is ``Backend.reduction``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.types import TokenTrace
from harness_tinker.backends import Backend

Loss = Literal["cross_entropy", "importance_sampling", "ppo", "cispo"]

Floats = NDArray[np.float32]

Arrays = Mapping[str, NDArray[np.int64] | Floats]
"""What a server is sent of a row, by name; all of one length."""

PLAIN_CLIP = {"clip_low_threshold": 1.0, "clip_high_threshold": 1.0}
"""With these bounds cispo is a cross-entropy that is weighted by the advantages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A conversation to learn from, ending with its last learnt token.

    Shapes (n,): ``ids``; ``learnt``: the tokens with a loss, never the first; ``weights``: by how
    much the loss of a token counts in the sum over all tokens of an update (unitless, its advantage
    included; read where learnt); ``logprobs``: the sampler's own (nats), 0 where it said nothing.
    """

    ids: NDArray[np.int64]
    learnt: NDArray[np.bool_]
    weights: Floats
    logprobs: Floats

    @property
    def tokens(self) -> int:
        """How many are learnt."""
        return int(self.learnt.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One ``forward_backward``: rows with one loss. The gradients of several add up."""

    rows: Sequence[Row]
    loss: Loss
    config: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A request as it is sent: for each row the ids that are read, and arrays by name."""

    loss: Loss
    config: Mapping[str, float]
    inputs: Sequence[NDArray[np.int64]]
    arrays: Sequence[Arrays]


def row_of(trace: TokenTrace, weight: float) -> Row | None:
    """The trace up to its last sampled token, each of which counts ``weight``; None without one.

    The first id has no probability, so that it is never learnt.
    """
    learnt = trace.sampled.copy()
    learnt[:1] = False
    if not learnt.any():
        return None
    end = int(np.flatnonzero(learnt)[-1]) + 1
    return Row(
        ids=trace.ids[:end],
        learnt=learnt[:end],
        weights=np.where(learnt[:end], weight, 0).astype(np.float32),
        logprobs=np.where(learnt[:end], trace.logprobs[:end], 0).astype(np.float32),
    )


def wire(request: Request, backend: Backend, *, rows: int) -> Wire:
    """The request as this backend must be sent it, so that the update's gradient is that of the sum
    over all tokens of weight times loss.

    ``rows``: how many rows the whole update has, in all of its requests. A backend that takes means
    of rows gets weights times the number of rows and of the row's learnt tokens; as such a mean
    would also divide weights away, cross-entropy is sent as cispo between equal bounds.
    """
    weighs = request.loss == "cross_entropy"
    if weighs and backend.reduction == "row_mean":
        request = Request(rows=request.rows, loss="cispo", config=PLAIN_CLIP)
        weighs = False
    arrays: list[Arrays] = []
    for row in request.rows:
        scale = rows * row.tokens if backend.reduction == "row_mean" else 1
        counts = (row.weights * np.float32(scale) * row.learnt)[1:]
        targets: Arrays = {"target_tokens": row.ids[1:]}
        if weighs:
            arrays.append({**targets, "weights": counts})
            continue
        known: Arrays = {**targets, "logprobs": row.logprobs[1:], "advantages": counts}
        mask: Arrays = {"weights": row.learnt[1:].astype(np.float32)} if backend.masks else {}
        arrays.append({**known, **mask})
    inputs = [row.ids[:-1] for row in request.rows]
    return Wire(loss=request.loss, config=request.config, inputs=inputs, arrays=arrays)
