"""Turn the rewards of groups into advantages: how much better each rollout did than its group."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Scale = Literal["group", "batch", "none"]
"""By which deviation differences from the mean are divided."""

Aggregation = Literal["sum_then_normalize", "normalize_then_sum"]
"""Whether the weighted sum of the terms is made into advantages, or each term and then summed."""


def group_advantages(
    rewards: NDArray[np.float32],
    *,
    scale: Scale = "group",
    offset: float = 0.2,
) -> NDArray[np.float32]:
    """Rewards minus their group's mean, over the deviation of the group or batch plus ``offset``.

    ``rewards``: (groups, rollouts), unitless, NaN where a rollout is not to be trained on. Returns
    the same shape, without NaN: such a rollout has 0 and does not touch its group. A group whose
    rewards are all alike has 0 throughout. With "none" nothing is divided.

    Shao et al., "DeepSeekMath" (arXiv:2402.03300), section 4.1.2, where the offset is nearly 0.
    "none" is the choice of Liu et al. (arXiv:2503.20783).
    """
    known = ~np.isnan(rewards)
    counts = np.maximum(known.sum(axis=1, keepdims=True), 1)
    means = np.nansum(rewards, axis=1, keepdims=True) / counts
    centred = np.where(known, rewards - means, 0.0)
    if scale == "group":
        centred = centred / (np.sqrt((centred**2).sum(axis=1, keepdims=True) / counts) + offset)
    elif scale == "batch" and known.any():
        centred = centred / (rewards[known].std() + offset)
    return np.where(np.abs(centred) < 1e-6, 0.0, centred).astype(np.float32)


def term_advantages(
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    *,
    aggregation: Aggregation = "sum_then_normalize",
    scale: Scale = "group",
    offset: float = 0.2,
) -> NDArray[np.float32]:
    """The advantages of rollouts by the values of their reward terms, as ``group_advantages``.

    ``values``: (groups, rollouts, terms), NaN for a rollout not to be trained on; ``weights``:
    (terms,). "sum_then_normalize": the weighted sum is the reward. "normalize_then_sum": each
    term's own advantages, without its weight, are weighted and summed, so that a term counts by its
    weight and not by its spread, and what is rare and small is not drowned (Liu et al., "GDPO",
    arXiv:2601.05242).
    """
    if aggregation == "sum_then_normalize":
        return group_advantages((values @ weights).astype(np.float32), scale=scale, offset=offset)
    summed = np.zeros(values.shape[:2], dtype=np.float32)
    for at, weight in enumerate(weights):
        of_term = values[:, :, at].astype(np.float32)
        summed += np.float32(weight) * group_advantages(of_term, scale=scale, offset=offset)
    return summed
