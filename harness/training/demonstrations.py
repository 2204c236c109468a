"""Turn tasks into demonstrations: conversations of the teacher that succeeded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from random import Random
from typing import TypeVar

from harness.errors import NothingToLearn, plugin_items
from harness.evaluation.rollout import run_rollouts
from harness.protocols import Executor, Policy, RolloutJob, RolloutSetup
from harness.types import Episode, Recipe, Task, stable_seed

T = TypeVar("T")

CHUNK = 32
"""Conversations run at once."""

IN_VAIN = 64
"""After this many in a row without one success the teacher counts as unable."""


def demonstrations(
    teacher: Policy,
    setup: RolloutSetup,
    executor: Executor,
    *,
    seed: int,
    easy: float = 0.0,
    tasks: Iterable[Task] | None = None,
) -> Iterator[Episode]:
    """Successful episodes of the teacher, determined by the seed.

    ``tasks``: on which tasks, in this order; None: train tasks of the domain, generated without
    end, where a task comes twice only if the domain's generator repeats itself. easy: the share of
    these, in [0, 1], that nothing makes harder (``Recipe.plain``). Raises ``NothingToLearn`` if the
    teacher fails ``IN_VAIN`` tasks in a row, or all there are.
    """
    left = iter(train_tasks(setup, seed, easy) if tasks is None else tasks)
    failed: list[Episode] = []
    solved = False
    while True:
        chunk = list(islice(left, CHUNK))
        jobs = [
            RolloutJob(task=task, trial=0, seed=stable_seed(seed, "demonstration", task.id))
            for task in chunk
        ]
        episodes = run_rollouts(jobs, teacher, setup, executor)
        good = [episode for episode in episodes if episode.score.success]
        solved = solved or bool(good)
        failed = [] if good else [*failed, *episodes]
        if solved and not chunk:
            return
        if not chunk or len(failed) >= IN_VAIN:
            faults = [e.trajectory.fault for e in failed if e.trajectory.is_fault]
            raise NothingToLearn(
                f"the teacher {teacher.id!r} solved none of {len(failed)} tasks of the domain "
                f"{setup.domain.name!r}"
                + (f"; {len(faults)} ended in a fault, the first: {faults[0]}" if faults else ""),
                hint="See how it fails with `harness eval`, with the teacher as --policy.",
            )
        yield from good


def over_again(episodes: Iterator[T], count: int, seed: int) -> Iterator[T]:
    """The first ``count`` episodes, then the same again in shuffled rounds, without end."""
    first = []
    for episode in islice(episodes, count):
        first.append(episode)
        yield episode
    random = Random(seed)
    while first:
        yield from random.sample(first, len(first))


def in_turn(streams: Sequence[Iterator[T]]) -> Iterator[T]:
    """One of each, over and over; a stream that has ended is passed over."""
    left = list(streams)
    while left:
        for stream in [*left]:
            try:
                yield next(stream)
            except StopIteration:
                left.remove(stream)


def train_tasks(setup: RolloutSetup, seed: int, easy: float) -> Iterator[Task]:
    """Train tasks of the domain, generated without end; ``easy`` as in ``demonstrations``."""

    def generated(seed: int, recipe: Recipe) -> Iterator[Task]:
        make = partial(setup.domain.generate, seed, recipe)
        return plugin_items(setup.plugins.domain, "generator", make)

    mixed = generated(seed, Recipe(split="train"))
    if not easy:
        yield from mixed
        return
    plain = generated(stable_seed("easy", seed), Recipe(split="train", plain=True))
    random = Random(seed)
    while task := next(plain if random.random() < easy else mixed, None):
        yield task
