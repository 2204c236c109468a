"""Choose the tasks of a step: all in turn, or more often those that the policy sometimes solves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from random import Random
from typing import Any, Literal

from harness.types import Task, stable_seed

UNKNOWN = 0.5
MEMORY = 0.5
KIN_MEMORY = 0.9
"""The weight of the earlier tries of a task, and of related tasks, relative to a new group."""

KIN = 4.0
"""How many tries of its own a task needs to outweigh the rate of related tasks."""


class Curriculum:
    """Draws tasks by their success rates so far. The same seed and rates draw the same tasks.

    With "uniform" each task comes once before any comes again. With "learnability" a task's weight
    is p(1-p), at least ``floor``. p is its recent success rate, shrunk towards that of the related
    tasks (made for the same error pattern), the more the fewer tries it has had. No task comes
    twice in a draw unless all come.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        seed: int,
        sampling: Literal["uniform", "learnability"] = "uniform",
        floor: float = 0.02,
    ) -> None:
        self.drawn = 0
        self._tasks = tasks
        self._seed = seed
        self._sampling = sampling
        self._floor = floor
        self._order = task_order(tasks, seed)
        self._of_task: dict[str, tuple[float, float]] = {}
        self._of_kin: dict[str, tuple[float, float]] = {}

    def draw(self, count: int) -> list[Task]:
        """The next ``count`` tasks."""
        if self._sampling == "uniform":
            drawn = list(islice(self._order, count))
        else:
            drawn = self._by_learnability(count)
        self.drawn += count
        return drawn

    def hear(self, task: Task, successes: int, tries: int) -> None:
        """Record a group's result: successes and tries, without faults."""
        for known, name, memory in (
            (self._of_task, task.id, MEMORY),
            (self._of_kin, _kin(task), KIN_MEMORY),
        ):
            won, had = known.get(name, (0.0, 0.0))
            known[name] = memory * won + successes, memory * had + tries

    def weight(self, task: Task) -> float:
        """How much there is to learn from the task now, in [floor, 0.25]."""
        won, had = self._of_kin.get(_kin(task), (0.0, 0.0))
        of_kin = (won + UNKNOWN) / (had + 1)
        won, had = self._of_task.get(task.id, (0.0, 0.0))
        rate = (won + KIN * of_kin) / (had + KIN)
        return max(rate * (1 - rate), self._floor)

    def state(self) -> dict[str, Any]:
        """All draws and results so far, to resume from."""
        return {"drawn": self.drawn, "of_task": self._of_task, "of_kin": self._of_kin}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.drawn = state["drawn"]
        self._of_task, self._of_kin = dict(state["of_task"]), dict(state["of_kin"])
        self._order = islice(task_order(self._tasks, self._seed), self.drawn, None)

    def _by_learnability(self, count: int) -> list[Task]:
        random = Random(stable_seed("draw", self._seed, self.drawn))
        drawn: list[Task] = []
        while len(drawn) < count:
            # Efraimidis & Spirakis (2006): largest keys are a weighted draw without replacement.
            keyed = [(random.random() ** (1 / self.weight(task)), task) for task in self._tasks]
            keyed.sort(key=lambda pair: -pair[0])
            drawn += [task for _, task in keyed[: count - len(drawn)]]
        return drawn


def task_order(tasks: Sequence[Task], seed: int) -> Iterator[Task]:
    """All tasks in a shuffled order, then all in another, without end."""
    random = Random(seed)
    while True:
        yield from random.sample(tasks, len(tasks))


def _kin(task: Task) -> str:
    return task.origin.pattern_id if task.origin else ""
