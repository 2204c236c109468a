"""Turn diagnoses into what counts against the policy, and into a list of tasks to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from harness.evaluation.metrics import Outcome
from harness.types import Blame, Diagnosis, Json

QUARANTINED: frozenset[Blame] = frozenset({"user_simulator", "task", "tool", "infrastructure"})
"""Whose faults say nothing about the policy."""

PREFIX = "fault of the "
"""What the kind of a fault starts with if a diagnosis found it."""


def quarantine(diagnoses: Iterable[Diagnosis]) -> dict[str, Blame]:
    """Whose fault it was, by trajectory id, for all failures that were not the agent's."""
    return {d.trajectory_id: d.blame for d in diagnoses if d.blame in QUARANTINED}


def leave_out(outcomes: Mapping[str, Outcome], excluded: Mapping[str, Blame]) -> list[Outcome]:
    """The outcomes by trajectory id, those in quarantine as faults: in no Pass^k."""
    return [
        replace(one, fault=PREFIX + excluded[id].replace("_", " ")) if id in excluded else one
        for id, one in outcomes.items()
    ]


def counted(outcomes: Iterable[Outcome], never: Collection[str] = ()) -> list[Outcome]:
    """The outcomes, every fault as a failure, but for those of the kinds ``never`` counted."""
    return [
        one if not one.fault or one.fault in never else replace(one, success=False, fault="")
        for one in outcomes
    ]


def suspects(diagnoses: Sequence[Diagnosis]) -> list[dict[str, Json]]:
    """The tasks that were themselves at fault for failures, most often first: what to fix or leave
    out.

    A row holds task_id, times, kinds (with counts), and a summary with the trajectory it is of.
    """
    by_task: dict[str, list[Diagnosis]] = {}
    for diagnosis in diagnoses:
        if diagnosis.blame == "task":
            by_task.setdefault(diagnosis.task_id, []).append(diagnosis)
    rows: list[dict[str, Json]] = [
        {
            "task_id": task_id,
            "times": len(found),
            "kinds": dict(Counter(d.kind for d in found).most_common()),
            "summary": found[0].summary,
            "trajectory_id": found[0].trajectory_id,
        }
        for task_id, found in by_task.items()
    ]
    return sorted(rows, key=lambda row: (-int(str(row["times"])), str(row["task_id"])))
