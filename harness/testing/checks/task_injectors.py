"""Turn a task injector into a verdict: does it keep its protocol?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from harness.evaluation.scoring import gold_changes
from harness.protocols import Domain, TaskInjector
from harness.testing.checks.worlds import SPLITS, carry_out
from harness.testing.fakes import play
from harness.testing.findings import Check, demand
from harness.types import Diagnosis, Episode, ErrorPattern, Task


def check_task_injector(
    injector: TaskInjector, domain: Domain, *, count: int = 5, deterministic: bool = True
) -> None:
    """Check that candidates are train tasks with their origin and are solved by their gold calls.

    The pattern is made of agents that do nothing. deterministic: also demand the same candidates
    for the same seed.
    """
    with (
        Check(injector) as check,
        check.rule(
            "What is injected is trained on: a held-out task would leak, an unsound one spoil it.",
            "Make train tasks on records of their own, with ids of their own and their Origin, "
            "endlessly and from the seed alone.",
        ),
    ):
        _check_injector(injector, domain, count, deterministic)


def _check_injector(
    injector: TaskInjector, domain: Domain, count: int, deterministic: bool
) -> None:
    members = [(e, _idle_diagnosis(e)) for e in _idle_failures(domain)]
    demand(bool(members), f"the domain {domain.name!r} has tasks that doing nothing fails")
    pattern = ErrorPattern(
        id="pattern",
        name="missing step",
        description="The agent did nothing.",
        members=tuple(episode.trajectory.id for episode, _ in members),
        share=1.0,
        kinds={"missing_step": len(members)},
    )
    tasks = asyncio.run(_candidates(injector, pattern, members, domain, count))
    demand(len(tasks) == count, f"an injector has endless candidates, found {len(tasks)}")
    demand(len({task.id for task in tasks}) == count, "candidates have ids of their own")
    held_out = {task.id for split in ("validation", "test") for task in domain.tasks(split)}
    for task in tasks:
        demand(task.split == "train", f"candidate {task.id} is of split train")
        demand(task.id not in held_out, f"candidate {task.id} is no held-out task")
        demand(
            task.origin is not None and task.origin.pattern_id == pattern.id,
            f"candidate {task.id} carries its origin, found {task.origin}",
        )
        world, _ = carry_out(domain, task, task.gold)
        demand(world.changes() == gold_changes(domain, task), f"candidate {task.id} can be opened")
    if deterministic:
        again = asyncio.run(_candidates(injector, pattern, members, domain, count))
        demand(again == tasks, "the same seed gives the same candidates")


def _idle_failures(domain: Domain) -> list[Episode]:
    episodes = [play(domain, task) for split in SPLITS for task in domain.tasks(split)[:5]]
    return [episode for episode in episodes if not episode.grade.success]


def _idle_diagnosis(episode: Episode) -> Diagnosis:
    return Diagnosis(
        trajectory_id=episode.trajectory.id,
        task_id=episode.task.id,
        blame="agent",
        kind="missing_step",
        turn=2,
        summary="The agent did nothing.",
    )


async def _candidates(
    injector: TaskInjector,
    pattern: ErrorPattern,
    members: Sequence[tuple[Episode, Diagnosis]],
    domain: Domain,
    count: int,
) -> list[Task]:
    tasks: list[Task] = []
    async for task in injector.inject(pattern, members, domain, round=1, seed=5):
        tasks.append(task)
        if len(tasks) == count:
            break
    return tasks
