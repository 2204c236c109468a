"""Turn a judge or a clusterer into a verdict: does it keep its protocol?"""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from harness.protocols import Clusterer, Domain, Judge
from harness.testing.checks.worlds import some_tasks
from harness.testing.fakes import sample_episodes
from harness.testing.findings import Check, demand
from harness.types import Blame, Diagnosis, Episode, ErrorPattern, Severity

SLUG = re.compile(r"[a-z][a-z0-9_]*")


def check_judge(judge: Judge, domain: Domain, *, tasks: int = 3) -> None:
    """Check that failures of many sorts get a diagnosis that fits them. Each is asked for once: a
    judge may answer in other words the next time.
    """
    with (
        Check(judge) as check,
        check.rule(
            "Patterns, and with them all targeted tasks, are made of diagnoses.",
            "Fill in each field of the Diagnosis from the failure at hand; raise RolloutFault "
            "where there is none to give.",
        ),
    ):
        for task in some_tasks(domain, tasks):
            for name, episode in sample_episodes(domain, task).items():
                if episode.grade.success or episode.trajectory.is_fault:
                    continue
                diagnosis = asyncio.run(judge.diagnose(episode, domain))
                _check_diagnosis(diagnosis, episode, f"{name} failure of task {task.id}")


def check_clusterer(clusterer: Clusterer) -> None:
    """Check that patterns hold what they were given, by falling share, and keep their ids."""
    with Check(clusterer) as check, check.rule(*_OF_PATTERNS):
        demand(isinstance(clusterer.method, str), "a clusterer says by which method it works")
        alike = [replace(d, kind="wrong_order", tool="", summary="") for d in sample_diagnoses(5)]
        for diagnoses in (sample_diagnoses(40), sample_diagnoses(1), alike):
            patterns = list(clusterer.cluster(diagnoses, []))
            demand(bool(patterns), f"{len(diagnoses)} diagnoses make at least one pattern")
            _check_patterns(patterns, diagnoses)
            demand(
                list(clusterer.cluster(diagnoses, [])) == patterns,
                "the same diagnoses make the same patterns",
            )
            again = clusterer.cluster(diagnoses, patterns)
            demand(
                {p.id for p in again} == {p.id for p in patterns},
                "patterns found again keep the ids they have in `previous`",
            )


_OF_PATTERNS = (
    "Tasks are made for each pattern by its share, and its history goes by its id.",
    "Make each pattern of the given diagnoses alone: members, share, kinds and exemplars from "
    "them, the id from what it is, or from `previous` where it was there.",
)


def sample_diagnoses(count: int) -> list[Diagnosis]:
    """Diagnoses of three sorts of mistake, in turn."""
    stories = (
        ("wrong_order", "cancel_order", "Order #W{} was cancelled; the user meant another one."),
        ("missing_step", "return_items", "The return of order #W{} was promised and never made."),
        ("repeated_call", "get_order", "The details of order #W{} were fetched again and again."),
    )
    return [
        Diagnosis(
            trajectory_id=f"trajectory-{number}",
            task_id=f"task-{number}",
            blame="agent",
            kind=stories[number % 3][0],
            turn=2,
            summary=stories[number % 3][2].format(1000 + number),
            tool=stories[number % 3][1],
        )
        for number in range(count)
    ]


def _check_diagnosis(diagnosis: Diagnosis, episode: Episode, where: str) -> None:
    trajectory = episode.trajectory
    demand(
        (diagnosis.trajectory_id, diagnosis.task_id) == (trajectory.id, episode.task.id),
        f"the diagnosis names trajectory and task of the {where}",
    )
    demand(diagnosis.blame in get_args(Blame), f"blame {diagnosis.blame!r} is known, {where}")
    demand(
        diagnosis.severity in get_args(Severity),
        f"severity {diagnosis.severity!r} is known, {where}",
    )
    demand(bool(SLUG.fullmatch(diagnosis.kind)), f"kind {diagnosis.kind!r} is a slug, {where}")
    demand(bool(diagnosis.summary.strip()), f"the summary says what went wrong, {where}")
    demand(
        0 <= diagnosis.turn < len(trajectory.messages),
        f"turn {diagnosis.turn} is one of {len(trajectory.messages)} messages, {where}",
    )


def _check_patterns(patterns: Sequence[ErrorPattern], diagnoses: Sequence[Diagnosis]) -> None:
    given = {d.trajectory_id for d in diagnoses}
    members = [member for pattern in patterns for member in pattern.members]
    demand(len(set(members)) == len(members), "no failure is in two patterns")
    demand(set(members) <= given, "members are the trajectories that were given")
    demand(len({p.id for p in patterns}) == len(patterns), "patterns have ids of their own")
    shares = [pattern.share for pattern in patterns]
    demand(shares == sorted(shares, reverse=True), f"patterns come by falling share: {shares}")
    kinds = {d.trajectory_id: d.kind for d in diagnoses}
    for pattern in patterns:
        demand(bool(pattern.name and pattern.description), "a pattern is named and described")
        demand(
            math.isclose(pattern.share, len(pattern.members) / len(diagnoses)),
            f"the share of {pattern.name!r} is of all failures given, found {pattern.share}",
        )
        demand(
            set(pattern.exemplars) <= set(pattern.members),
            f"the exemplars of {pattern.name!r} are members",
        )
        demand(
            dict(pattern.kinds) == Counter(kinds[member] for member in pattern.members),
            f"the kinds of {pattern.name!r} count its members' mistakes",
        )
