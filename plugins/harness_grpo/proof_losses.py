"""Turn a teacher's proof of a task into a term of the loss, beside the rollouts that failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.training.proof_traces import Proof
from harness.types import TokenTrace
from harness_grpo.options import ProofLoss, ProofMean

TOKEN_MEAN = ("dapo", "cispo")
"""Losses that average over the tokens of the whole batch; the others average over its rows."""

WEIGHT = "proof_weight"
"""The name that the weights of lessons have among the tensors of a batch."""

GAMMA = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A proof in an update: its loss is ``weight`` times the sum of its ``token_losses``."""

    trace: TokenTrace
    weight: float

    @property
    def tokens(self) -> int:
        """How many tokens are learnt: the agent's, but not the first id."""
        return int(self.trace.sampled[1:].sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """The proofs of an update, and by how much they widen the mean that own rollouts have."""

    rows: Sequence[Lesson] = ()
    more_tokens: int = 0
    more_rows: int = 0


def token_losses(logprobs: Tensor, kind: ProofLoss) -> Tensor:
    """The loss f(p) of each token of a proof for advantage 1 (unitless), same shape.

    ``logprobs``: log p in nats of the proof's tokens under the policy as it is now, at the training
    temperature. No ratio, no clip:

    - "luffy": -p / (p + 0.1). Its slope in the logit of token k is -0.1 p / (p + 0.1)^2 (1[k is the
      proof's] - p_k): most for p near 0.1, so that a token that is no news or out of reach counts
      little (Yan et al., "LUFFY", arXiv:2504.14945).
    - "cross_entropy": -log p, with the slope p_k - 1[k is the proof's].
    - "chord": -p (1 - p) log p, where p (1 - p) is a constant weight: most for p = 0.5 (Zhang et
      al., "CHORD", arXiv:2508.11408).
    """
    if kind == "cross_entropy":
        return -logprobs
    p = logprobs.exp()
    if kind == "luffy":
        return -p / (p + GAMMA)
    return -(p * (1 - p)).detach() * logprobs


def lessons(
    proofs: Sequence[tuple[Proof, float]],
    *,
    mean: ProofMean,
    weight: float,
    loss_type: str,
    own_tokens: int,
    own_rows: int,
    groups: int,
    length: int,
) -> Lessons:
    """The part of the loss that proofs have, each with its advantage.

    Let l be the losses of own tokens, f those of proofs, A a proof's advantage and w the
    ``weight``; n the tokens of own rollouts with an advantage (``own_tokens``) and r the rollouts
    of the batch (``own_rows``); m and j the tokens and the number of proofs. With "tokens" a
    proof's token counts as much as an own one:

    - ``dapo``, ``cispo``: (sum of l + w sum of A f) / (n + m),
    - ``grpo``, ``gspo``: (sum over rollouts of the mean of l + w sum over proofs of A mean of f) /
      (r + j),
    - ``dr_grpo``: (sum of l + w sum of A f) / ((r + j) ``length``).

    With "groups" the loss of own rollouts stays as it is without proofs, and each of the step's
    ``groups`` with a proof adds w A (mean of f) / ``groups``, however long the proof is.
    """
    made = [Lesson(trace=proof.trace, weight=1.0) for proof, _ in proofs]
    tokens = sum(lesson.tokens for lesson in made)
    joins = mean == "tokens"

    def share(lesson: Lesson) -> float:
        if not joins:
            return 1 / (groups * lesson.tokens)
        if loss_type in TOKEN_MEAN:
            return 1 / (own_tokens + tokens)
        return 1 / ((own_rows + len(made)) * (length if loss_type == "dr_grpo" else lesson.tokens))

    return Lessons(
        rows=[
            Lesson(trace=lesson.trace, weight=weight * advantage * share(lesson))
            for lesson, (_, advantage) in zip(made, proofs, strict=True)
        ],
        more_tokens=tokens if joins else 0,
        more_rows=len(made) if joins else 0,
    )


def imitation(proofs: Sequence[Proof]) -> list[Lesson]:
    """The proofs as a batch of imitation: its loss is the mean over all their tokens."""
    made = [Lesson(trace=proof.trace, weight=1.0) for proof in proofs]
    weight = 1 / sum(lesson.tokens for lesson in made)
    return [Lesson(trace=lesson.trace, weight=weight) for lesson in made]


def as_rows(batch: Sequence[Lesson]) -> dict[str, Tensor]:
    """The lessons as rows of a batch of rollouts, and the weight of each; they have no rewards."""
    width = max((len(lesson.trace.ids) for lesson in batch), default=1) - 1
    ids, filled, learnt = (torch.zeros((len(batch), width), dtype=torch.long) for _ in range(3))
    for row, trace in enumerate(lesson.trace for lesson in batch):
        length = len(trace.ids) - 1
        ids[row, :length] = torch.from_numpy(trace.ids[1:].copy())
        filled[row, :length] = 1
        learnt[row, :length] = torch.from_numpy(trace.sampled[1:].copy())
    first = torch.tensor([[int(lesson.trace.ids[0])] for lesson in batch]).view(len(batch), 1)
    return {
        "prompt_ids": first.long(),
        "prompt_mask": torch.ones_like(first, dtype=torch.long),
        "completion_ids": ids,
        "completion_mask": filled,
        "tool_mask": learnt,
        WEIGHT: torch.tensor([lesson.weight for lesson in batch], dtype=torch.float32),
    }
