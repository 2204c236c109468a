"""Turn the trainer's values for single tokens into the means of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean

import torch
from torch import Tensor


@dataclass
class Readings:
    """One value (nats) for each token measured, and the loss (unitless) of each update.

    ``gaps`` are log-probabilities minus the sampler's own, at a step's first update; ``kls``
    estimate the KL divergence from the initial weights, exp(d) - d - 1 where d is their
    log-probability minus the policy's (Schulman, "Approximating KL divergence", 2020). Where the
    distance to the sampler is corrected, ``ratios`` are exp of the gaps (unitless) and ``cut`` says
    whether they were truncated or masked. ``proofs`` has the mean loss of a token (nats) for each
    proof in the step's updates, when it first came.
    """

    losses: list[float] = field(default_factory=list)
    gaps: list[Tensor] = field(default_factory=list)
    entropies: list[Tensor] = field(default_factory=list)
    kls: list[Tensor] = field(default_factory=list)
    ratios: list[Tensor] = field(default_factory=list)
    cut: list[Tensor] = field(default_factory=list)
    proofs: list[float] = field(default_factory=list)

    def add(self, more: Readings) -> None:
        """Add what was measured elsewhere."""
        self.losses += more.losses
        self.gaps += more.gaps
        self.entropies += more.entropies
        self.kls += more.kls
        self.ratios += more.ratios
        self.cut += more.cut
        self.proofs += more.proofs

    def take(self) -> Mapping[str, float]:
        """Means since the last call and the largest gap; no entry where nothing was measured."""
        means = {"loss": fmean(self.losses)} if self.losses else {}
        if self.gaps:
            gaps = _joined(self.gaps).abs()
            means |= {"sampler_gap_mean": float(gaps.mean()), "sampler_gap_max": float(gaps.max())}
        if self.entropies:
            means["entropy"] = float(_joined(self.entropies).mean())
        if self.kls:
            means["kl"] = float(_joined(self.kls).mean())
        if self.ratios:
            means["off_policy_ratio"] = float(_joined(self.ratios).mean())
            means["off_policy_cut"] = float(_joined(self.cut).mean())
        if self.proofs:
            means |= {"proof_loss": fmean(self.proofs), "proofs": len(self.proofs)}
        tokens = (self.gaps, self.entropies, self.kls, self.ratios, self.cut)
        for values in (self.losses, self.proofs, *tokens):
            values.clear()
        return means


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.cat([part.float().cpu() for part in parts])
