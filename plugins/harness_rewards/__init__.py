"""Reward terms: success is the backbone, the others guard against the ways of gaming it."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import RewardTerm


@hookimpl
def harness_reward_terms() -> Mapping[str, Factory[RewardTerm]]:
    from harness_rewards import terms

    return {
        "task_success": terms.task_success,
        "gold_writes": terms.gold_writes,
        "invalid_calls": terms.invalid_calls,
        "unconfirmed_writes": terms.unconfirmed_writes,
        "extra_writes": terms.extra_writes,
        "repeated_calls": terms.repeated_calls,
        "length": terms.length,
    }
