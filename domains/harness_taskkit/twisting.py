"""Make a finished task harder without changing what it wants: what twists of all domains share."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.types import Json, Request, Scenario, Task, stable_id

GREETINGS = ("", "Hi. ", "Hello. ", "Hey, a quick one. ", "Good morning. ", "Hi there. ")

ASIDES = (
    "",
    " I was told you can do that.",
    " I hope that is not too late.",
    " It should not take long.",
    " I would have done it myself if I could.",
    " I have been meaning to write for days.",
)
"""What customers say who have other things on their mind: before and after what they want."""


@dataclass(frozen=True, slots=True)
class Place:
    """A task, the place of the request in it that is to change, and chance."""

    task: Task
    place: int
    rng: random.Random

    @property
    def request(self) -> Request:
        return self.task.scenario.requests[self.place]

    def with_request(
        self,
        request: Request,
        tags: Iterable[str],
        world: Mapping[str, Json],
        told: Callable[[Sequence[Request]], Scenario],
    ) -> Task:
        """The task with another request, more tags, and more in its world; ``told`` in prose."""
        requests = [*self.task.scenario.requests]
        requests[self.place] = request
        scenario = told(requests)
        made = replace(
            self.task,
            scenario=replace(scenario, persona=self.task.scenario.persona),
            world={**self.task.world, **world},
            tags=tuple(sorted({*self.task.tags, *tags})),
        )
        return replace(made, id=stable_id(made.domain, made.world, scenario, made.gold))

    def introduced(self, says: Sequence[str]) -> tuple[str, ...]:
        """The openings, each once; the first of a customer who says at once who it is begins so."""
        first = self.task.scenario.identity[0]
        if first.volunteered and self.place == 0:
            says = [f"{self.rng.choice(first.says)} {text}" for text in says]
        return tuple(dict.fromkeys(says))

    def adding(self, record: Json, key: str, count: int, *, first: bool = False) -> dict[str, Json]:
        """The part of a world that adds a record to the ``count`` that its customer has."""
        before = self.task.world.get(key)
        added: list[Json] = [record, 0 if first else self.rng.randrange(count + 1)]
        return {key: [*(before if isinstance(before, list) else []), added]}


def rambling(texts: Sequence[str], rng: random.Random) -> list[str]:
    """Up to three of the texts, with a greeting and an aside."""
    return [f"{rng.choice(GREETINGS)}{text}{rng.choice(ASIDES)}" for text in texts][:3]
