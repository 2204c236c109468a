"""Turn the rewards of groups into advantages: how much better each rollout did than its group."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray


def group_advantages(
    rewards: NDArray[np.float32],
    *,
    scale: Literal["group", "batch", "none"] = "group",
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
