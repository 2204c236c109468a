"""Turn a policy into its Pass^k on held-out tasks, as all benchmarks that train one print it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.assembly.components import Components
from harness.evaluation.metrics import Outcome, outcomes, pass_table
from harness.evaluation.rollout import run_rollouts
from harness.protocols import RolloutJob, SamplingPolicy
from harness.types import Interval, Json, Split, stable_seed

TRIALS = 4
TEMPERATURE = 0.7


def outcomes_on(
    parts: Components, policy: SamplingPolicy, split: Split, tasks: int
) -> Sequence[Outcome]:
    """How ``TRIALS`` trials of each of the first tasks of a split went."""
    policy.set_temperature(TEMPERATURE)
    jobs = [
        RolloutJob(task=task, trial=trial, seed=stable_seed(task.id, trial))
        for task in parts.domain.tasks(split)[:tasks]
        for trial in range(TRIALS)
    ]
    return outcomes(run_rollouts(jobs, policy, parts.setup, parts.executor))


def passes(found: Sequence[Outcome]) -> dict[str, Json]:
    """Pass^1 and Pass^``TRIALS`` in percent; None where faults left no task so many trials."""
    table = pass_table(found, ks=(1, TRIALS))
    return {f"pass_{k}": plain(table.pass_.get(k)) for k in (1, TRIALS)}


def plain(interval: Interval | None) -> Json:
    """The value and its bounds."""
    if interval is None:
        return None
    return [round(value, 1) for value in (interval.value, interval.low, interval.high)]


def show(row: Mapping[str, Json]) -> str:
    """One line for a person."""
    return "  ".join(f"{name} {value}" for name, value in row.items())
