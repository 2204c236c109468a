"""Turn failed, unwanted and repeated calls into penalties."""

from __future__ import annotations

from harness.assembly.config import read_options
from harness.evaluation.behaviour import made_calls, matched, passing_failures, repeats, write_names
from harness.protocols import RewardTerm, Settings
from harness.types import Task, Trajectory
from harness_rewards.term import (
    CallOptions,
    WriteOptions,
    done_writes,
    known_domain,
    penalty,
    wanted_writes,
)


def invalid_calls(settings: Settings) -> RewardTerm:
    """Minus the failed calls, as a share of ``cap``.

    Stops guessing: trying ids and arguments until one is accepted, which an outcome reward does
    not penalise. Not counted: failures that the gold calls contain, and calls that passed on retry.
    """
    options = read_options(CallOptions, settings, name="invalid_calls")
    writes = write_names(known_domain(settings, "invalid_calls"))

    def count(trajectory: Trajectory, task: Task) -> tuple[int, str]:
        made = made_calls(trajectory, writes)
        passed = passing_failures(made)
        own = [(at, one) for at, one in enumerate(made) if one.by == "agent"]
        failed = [one.call for at, one in own if one.failed and at not in passed]
        counted = len(failed) - matched(failed, task.gold)
        return counted, f"{counted} of {len(own)} calls failed that should not have"

    return penalty("invalid_calls", options.cap, count)


def extra_writes(settings: Settings) -> RewardTerm:
    """Minus the successful writes that were not wanted, as a share of ``cap``.

    Stops shotgun writes: to every record in sight, the wanted ones among them; and writes that are
    undone later, which leave no trace in the final database.
    """
    options = read_options(WriteOptions, settings, name="extra_writes")
    writes = write_names(known_domain(settings, "extra_writes"))

    def count(trajectory: Trajectory, task: Task) -> tuple[int, str]:
        done = done_writes(trajectory, writes)
        counted = len(done) - matched(done, wanted_writes(task, writes))
        return counted, f"{counted} of {len(done)} writes were not wanted"

    return penalty("extra_writes", options.cap, count)


def repeated_calls(settings: Settings) -> RewardTerm:
    """Minus the calls that repeat an earlier one and return nothing new, as a share of ``cap``.

    Stops loops and busywork that look like progress to a check of intermediate calls: the same call
    again, cycles of several, writes undone and redone. Not counted: a second look after a write by
    agent or user, a retry that works, and a call that gets another answer.
    """
    options = read_options(CallOptions, settings, name="repeated_calls")
    writes = write_names(known_domain(settings, "repeated_calls"))

    def count(trajectory: Trajectory, task: Task) -> tuple[int, str]:
        made = made_calls(trajectory, writes)
        counted, total = repeats(made), sum(one.by == "agent" for one in made)
        return counted, f"{counted} of {total} calls repeated an earlier one"

    return penalty("repeated_calls", options.cap, count)
