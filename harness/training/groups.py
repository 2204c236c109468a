"""Say which rollouts of a task can be trained on, what each earned, and whether they differ."""

from __future__ import annotations

from collections.abc import Sequence

from harness.types import Episode

Group = Sequence[Episode]
"""Rollouts of one task."""

NO_SPREAD = 1e-6


def is_trainable(episode: Episode) -> bool:
    """Whether there is something to learn from: no fault, and the policy wrote something."""
    tokens = episode.tokens
    return not episode.uncounted and tokens is not None and bool(tokens.sampled.any())


def reward(episode: Episode) -> float | None:
    """The weighted total of the reward terms; None where the episode must not be trained on."""
    return episode.score.total if is_trainable(episode) else None


def has_spread(group: Group) -> bool:
    """Whether rewards differ: if not, all advantages of the group are 0."""
    rewards = [total for episode in group if (total := reward(episode)) is not None]
    return bool(rewards) and not max(rewards) - min(rewards) < NO_SPREAD


def wholly_failed(group: Group) -> bool:
    """Whether rollouts that can be trained on are there, and none of them succeeded."""
    return bool(group) and not any(episode.score.success for episode in group)
