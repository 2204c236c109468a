"""Turn error patterns into targeted tasks, each with its lineage, admitted through the gate."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from harness.pool import Gate, quotas
from harness.protocols import Domain, TaskInjector
from harness.registry import blame
from harness.types import Diagnosis, Episode, ErrorPattern, Task, stable_seed

TRIES = 20
"""Candidates looked at for each wanted task before a pattern is given up."""


def inject_tasks(
    patterns: Sequence[ErrorPattern],
    members: Mapping[str, Sequence[tuple[Episode, Diagnosis]]],
    injector: TaskInjector,
    domain: Domain,
    gate: Gate,
    *,
    count: int,
    round: int,
    seed: int,
) -> list[Task]:
    """About ``count`` admitted tasks, dealt out to the patterns in proportion to their shares.

    ``members`` are the failures of each pattern, by pattern id. Fewer come back where an injector
    stops or finds nothing admissible; ``gate.refused`` says why.
    """
    wanted = quotas({pattern.id: pattern.share for pattern in patterns}, count)

    async def one(pattern: ErrorPattern) -> list[Task]:
        return await _inject(
            pattern,
            members[pattern.id],
            injector,
            domain,
            gate,
            count=wanted[pattern.id],
            round=round,
            seed=stable_seed(seed, round, pattern.id),
        )

    async def all_of_them() -> list[Task]:
        return [task for pattern in patterns for task in await one(pattern)]

    return asyncio.run(all_of_them())


async def _inject(
    pattern: ErrorPattern,
    members: Sequence[tuple[Episode, Diagnosis]],
    injector: TaskInjector,
    domain: Domain,
    gate: Gate,
    *,
    count: int,
    round: int,
    seed: int,
) -> list[Task]:
    admitted: list[Task] = []
    if count == 0:
        return admitted
    tried = 0
    candidates = injector.inject(pattern, members, domain, round=round, seed=seed)
    with blame("task injector", f"tasks for pattern {pattern.id}"):
        async for task in candidates:
            tried += 1
            if task.origin is None:
                raise ValueError(f"task {task.id} carries no origin")
            if gate.admits(task):
                admitted.append(task)
            if len(admitted) == count or tried == TRIES * count:
                break
    return admitted
