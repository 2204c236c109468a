"""An executable customer-support domain, and one conversation's view of its database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from harness.types import (
    Changes,
    Feature,
    Grade,
    Json,
    Recipe,
    Split,
    Task,
    Tool,
    ToolCall,
    ToolResult,
    Trajectory,
)


class World(Protocol):
    """One conversation's view of the database; conversations never see each other's writes."""

    def call(self, call: ToolCall) -> ToolResult:
        """Carry out one call. Bad calls are results with ``is_error``; this never raises for
        them.
        """
        ...

    def changes(self) -> Changes:
        """All that differs from the start, sorted by path."""
        ...


@runtime_checkable
class Domain(Protocol):
    """An executable customer-support domain.

    Inherit from ``harness.evaluation.domain_defaults.DomainDefaults`` to write ``name``, ``tools``,
    ``tasks`` and ``open`` alone. ``data_version`` tells versions of the domain's data apart; it is
    stamped on every result. ``user_guidelines`` tell a language model how to play this domain's
    customers, besides what it is told in every domain. ``twists`` name what ``weave`` can do to a
    task, the mildest first; one that has a feature's name weaves in that feature.
    """

    name: str
    data_version: str
    tools: Sequence[Tool]
    policy: str
    greeting: str
    user_tools: Sequence[Tool]
    user_guidelines: str
    features: Sequence[Feature]
    twists: Sequence[str]

    def tasks(self, split: Split) -> Sequence[Task]:
        """The fixed tasks of a split, the same on every call."""
        ...

    def open(self, task: Task) -> World:
        """A fresh world in the task's starting state."""
        ...

    def stage(self, task: Task) -> Mapping[str, Json]:
        """The starting state alone: a ``Task.world`` on which another task can be built, without
        what says how this task is graded.
        """
        ...

    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        """Endlessly many tasks, determined by the seed, on databases disjoint from validation and
        test.
        """
        ...

    def solve(self, task: Task) -> Sequence[Sequence[ToolCall]] | None:
        """Calls that fulfil the task, one group per request of the scenario, look-ups included.

        None if the domain has no solver or sees no solution.
        """
        ...

    def readings(self, task: Task) -> Sequence[Sequence[ToolCall]]:
        """The writes of every outcome that fits both what the customer says when asked and the
        policy. A good task has one; () if nothing fits both.
        """
        ...

    def weave(self, task: Task, twist: str, seed: int) -> Task | None:
        """The task made harder in one of the domain's ``twists``, its wanted change as it was.

        None if it cannot be.
        """
        ...

    def problems(self, task: Task) -> Sequence[str]:
        """What of the task cannot be carried out or judged here, in words; () if all can."""
        ...

    def grade(self, task: Task, world: World, trajectory: Trajectory) -> Grade:
        """Whether the conversation did what the task wanted. Faults never come here."""
        ...
