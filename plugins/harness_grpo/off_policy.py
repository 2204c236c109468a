"""Turn the distance between trainer and sampler into a weight for each token, and spans of weights
into the age of a rollout.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from harness.types import Episode
from harness_grpo.options import OffPolicy


def token_weights(gaps: Tensor, kind: OffPolicy, cap: float) -> Tensor:
    """What each token's loss counts, same shape, without gradient.

    ``gaps``: the trainer's log-probabilities at the start of the step minus the sampler's, in nats;
    rho is exp of that.

    - "truncate": min(rho, cap), truncated importance sampling: what the sampler drew too often
      counts less, what it drew too rarely more, up to ``cap`` (Ionides, 2008; as the decoupled
      objective of Fu et al., "AReaL", arXiv:2505.24298).
    - "mask": rho where 1 / cap <= rho <= cap, else 0: a token on which trainer and sampler disagree
      is not learnt from (Ling team, "Every Step Evolves", arXiv:2510.18855).
    - "clip": 1; there the ratio of the loss is to the sampler's probability itself.
    """
    ratios = gaps.detach().exp()
    if kind == "truncate":
        return ratios.clamp(max=cap)
    if kind == "mask":
        return ratios.where((ratios >= 1 / cap) & (ratios <= cap), 0.0)
    return torch.ones_like(ratios)


def were_cut(gaps: Tensor, kind: OffPolicy, cap: float) -> Tensor:
    """Whether each token's weight is not its ratio, same shape."""
    ratios = gaps.detach().exp()
    return (ratios > cap) | (ratios < 1 / cap) if kind == "mask" else ratios > cap


class Ages:
    """How many steps old the weights are that sampled a token.

    A version belongs to the step in whose rollouts it was first seen: no earlier one can have had
    it. Rollouts whose sampler does not name its weights are as old as their step.
    """

    def __init__(self, known: Mapping[str, int] | None = None) -> None:
        self.known = dict(known or {})

    def see(self, episodes: Iterable[Episode], step: int) -> None:
        """The rollouts were begun while the weights were those of the start of ``step``."""
        for episode in episodes:
            for span in episode.tokens.versions if episode.tokens else ():
                self.known.setdefault(span.version, step)

    def oldest(self, episode: Episode, begun: int, now: int) -> int:
        """Steps between the oldest weights in a rollout that was begun at ``begun`` and ``now``."""
        spans = episode.tokens.versions if episode.tokens else ()
        return now - min((self.known.get(span.version, begun) for span in spans), default=begun)
