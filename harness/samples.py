"""Turn tasks into demonstrations: conversations of the teacher that succeeded, endless and
fresh.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from harness.errors import NothingToLearn
from harness.protocols import Executor, Policy
from harness.rollout import Job, Setting, run_rollouts
from harness.types import Episode, Recipe, stable_seed

CHUNK = 32
"""Conversations had at once."""

IN_VAIN = 64
"""After this many in a row without one success the teacher is given up."""


def demonstrations(
    teacher: Policy, setting: Setting, executor: Executor, *, seed: int
) -> Iterator[Episode]:
    """Successful episodes of the teacher on generated train tasks, determined by the seed.

    Raises ``NothingToLearn`` if the teacher fails ``IN_VAIN`` tasks in a row, or the domain has no
    tasks.
    """
    tasks = setting.domain.generate(seed, Recipe(split="train"))
    failed: list[Episode] = []
    while True:
        chunk = list(islice(tasks, CHUNK))
        jobs = [
            Job(task=task, trial=0, seed=stable_seed(seed, "demonstration", task.id))
            for task in chunk
        ]
        episodes = run_rollouts(jobs, teacher, setting, executor)
        good = [episode for episode in episodes if episode.score.success]
        failed = [] if good else [*failed, *episodes]
        if not chunk or len(failed) >= IN_VAIN:
            faults = [e.trajectory.fault for e in failed if e.trajectory.is_fault]
            raise NothingToLearn(
                f"the teacher {teacher.id!r} solved none of {len(failed)} tasks of the domain "
                f"{setting.domain.name!r}"
                + (f"; {len(faults)} ended in a fault, the first: {faults[0]}" if faults else ""),
                hint="See how it fails with `harness eval`, with the teacher as --policy.",
            )
        yield from good
