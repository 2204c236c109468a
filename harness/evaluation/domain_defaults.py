"""What a domain need not write itself: the defaults of the ``Domain`` protocol, to inherit from."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from harness.evaluation.scoring import gold_changes, grade_by_changes
from harness.protocols import Domain, World
from harness.types import Changes, Feature, Grade, Json, Recipe, Task, Tool, ToolCall, Trajectory


class DomainDefaults(Domain):
    """A domain but for ``name``, ``tools``, ``tasks`` and ``open``, which it has to bring."""

    data_version: str = ""
    policy: str = ""
    greeting: str = "Hi! How can I help you today?"
    user_tools: Sequence[Tool] = ()
    user_guidelines: str = ""
    features: Sequence[Feature] = ()
    twists: Sequence[str] = ()
    shared_records: str = ""
    """Why the splits share records, for a domain that cannot hold them apart."""

    def stage(self, task: Task) -> Mapping[str, Json]:
        """The task's own world."""
        return task.world

    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        """The train tasks, again and again, in seeded order."""
        tasks = list(self.tasks("train"))
        random.Random(seed).shuffle(tasks)
        while tasks:
            yield from tasks

    def solve(self, task: Task) -> Sequence[Sequence[ToolCall]] | None:
        """The gold calls by request: each group ends with the write its request wants."""
        groups: list[list[ToolCall]] = []
        left = list(task.gold)
        for request in task.scenario.requests:
            group: list[ToolCall] = []
            while left:
                group.append(left.pop(0))
                if request.want is not None and group[-1].same_as(request.want):
                    break
            groups.append(group)
        return groups

    def readings(self, task: Task) -> Sequence[Sequence[ToolCall]]:
        """The gold calls alone, for a domain that works out no other outcomes."""
        return (task.gold,)

    def weave(self, task: Task, twist: str, seed: int) -> Task | None:
        """None: there are no twists."""
        return None

    def problems(self, task: Task) -> Sequence[str]:
        """Gold calls of tools that the domain does not have."""
        tools = {tool.name for tool in (*self.tools, *self.user_tools)}
        unknown = dict.fromkeys(call.name for call in task.gold if call.name not in tools)
        return [f"the gold calls name {name!r}, which is no tool here" for name in unknown]

    def grade(self, task: Task, world: World, trajectory: Trajectory) -> Grade:
        """Success: the world changed exactly as the gold calls change a fresh one, and all was
        said.

        Any ending but the user's satisfied goodbye or a transfer fails, as in tau2.
        """
        return grade_by_changes(self.gold_changes(task), task, world, trajectory)

    def gold_changes(self, task: Task) -> Changes:
        """What the gold calls change in a fresh world; computed once per task.

        Tasks of one id that start or should end differently, such as two versions of one, do not
        mix.
        """
        found = self._gold.get(task.id)
        if found is None or not _has_same_gold(found[0], task):
            found = self._gold[task.id] = (task, self.wanted_changes(task))
        return found[1]

    def wanted_changes(self, task: Task) -> Changes:
        """The same, computed anew."""
        return gold_changes(self, task)

    @cached_property
    def _gold(self) -> dict[str, tuple[Task, Changes]]:
        return {}


def _has_same_gold(one: Task, other: Task) -> bool:
    return one is other or (one.world == other.world and one.gold == other.gold)
