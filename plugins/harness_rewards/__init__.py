"""Reward terms: task success, and terms that guard against reward hacking."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import RewardTerm


@hookimpl
def harness_reward_terms() -> Mapping[str, Factory[RewardTerm]]:
    from harness_rewards import calls, outcome, rules, words

    return {
        "task_success": outcome.task_success,
        "gold_writes": outcome.gold_writes,
        "changed_fields": outcome.changed_fields,
        "told_facts": outcome.told_facts,
        "invalid_calls": calls.invalid_calls,
        "extra_writes": calls.extra_writes,
        "repeated_calls": calls.repeated_calls,
        "unconfirmed_writes": rules.unconfirmed_writes,
        "unidentified_access": rules.unidentified_access,
        "split_writes": rules.split_writes,
        "late_writes": rules.late_writes,
        "length": words.length,
        "format": words.format,
    }
