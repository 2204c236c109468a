"""Targeted tasks: those of the domain's generator that are most like the failed ones by tag."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import count, islice

from harness.protocols import Domain, Settings, TaskInjector
from harness.types import (
    Diagnosis,
    Episode,
    ErrorPattern,
    Origin,
    Recipe,
    Task,
    stable_id,
    stable_seed,
)

DRAWN = 8
"""Generated tasks of which the most alike one is taken."""


class Sample(TaskInjector):
    async def inject(
        self,
        pattern: ErrorPattern,
        members: Sequence[tuple[Episode, Diagnosis]],
        domain: Domain,
        *,
        round: int,
        seed: int,
    ) -> AsyncIterator[Task]:
        failed = Counter(tag for episode, _ in members for tag in episode.task.tags)
        stream = domain.generate(stable_seed("sample", pattern.id, round, seed), Recipe())
        for number in count():
            episode = members[number % len(members)][0]
            drawn = list(islice(stream, DRAWN))
            task = max(drawn, key=lambda task: sum(failed[tag] for tag in task.tags))
            origin = Origin(
                round=round,
                pattern_id=pattern.id,
                injector="sample",
                trajectory_id=episode.trajectory.id,
                parent_task_id=episode.task.id,
                seed=seed,
                version="1",
                exemplars=pattern.exemplars,
            )
            own = stable_id(task.id, pattern.id, round, number)
            yield replace(task, id=own, split="train", origin=origin)


def sample(settings: Settings) -> TaskInjector:
    return Sample()
