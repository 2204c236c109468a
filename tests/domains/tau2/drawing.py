"""Draw what mutations need from an official database: other ids, calls that read or write."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from random import Random
from typing import Any, TypeVar

from harness.types import Json, ToolCall

T = TypeVar("T")
Calls = list[ToolCall]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand(ABC):
    """What draws: from a database, by a random generator. ``writes``: the tools that change it."""

    database: Any
    writes: frozenset[str]
    rng: Random

    def is_write(self, call: ToolCall) -> bool:
        return call.name in self.writes

    def other(self, values: Collection[T], value: object) -> T | None:
        """One of the values, but not this one."""
        others = [one for one in values if one != value]
        return self.rng.choice(others) if others else None

    def insert(self, calls: Calls, *extra: ToolCall) -> Calls:
        """The calls with others at random places."""
        for call in extra:
            calls.insert(self.rng.randint(0, len(calls)), call)
        return calls

    def change(
        self,
        calls: Calls,
        change: Callable[[ToolCall], ToolCall | None],
        *,
        where: Callable[[ToolCall], object] = bool,
    ) -> Calls | None:
        """The calls with one of those changed that are so; None if there is none."""
        places = [index for index, call in enumerate(calls) if where(call)]
        if not places:
            return None
        index = self.rng.choice(places)
        changed = change(calls[index])
        return None if changed is None else [*calls[:index], changed, *calls[index + 1 :]]

    def argument(self, calls: Calls, change: Callable[[str], Json], *names: str) -> Calls | None:
        """The calls with one argument of these names changed."""

        def changed(call: ToolCall) -> ToolCall:
            name = self.rng.choice([name for name in names if name in call.arguments])
            return with_argument(call, name, change(str(call.arguments[name])))

        return self.change(calls, changed, where=lambda call: call.arguments.keys() & set(names))

    def element(
        self, calls: Calls, name: str, change: Callable[[ToolCall, Any], Json]
    ) -> Calls | None:
        """The calls with one element changed of a list that is the argument of this name."""

        def changed(call: ToolCall) -> ToolCall:
            ids = ids_in(call, name)
            index = self.rng.randrange(len(ids))
            return with_argument(
                call, name, [*ids[:index], change(call, ids[index]), *ids[index + 1 :]]
            )

        return self.change(calls, changed, where=lambda call: ids_in(call, name))

    @abstractmethod
    def read(self) -> ToolCall:
        """A call that changes nothing."""

    @abstractmethod
    def write(self) -> ToolCall:
        """A write that mostly succeeds."""

    @abstractmethod
    def failing(self) -> ToolCall:
        """A call that is refused."""

    @abstractmethod
    def strange(self) -> ToolCall:
        """A call of a tool that there is none."""


def ids_in(call: ToolCall, name: str) -> list[Any]:
    """The argument of this name if it is a list, else nothing."""
    value = call.arguments.get(name)
    return list(value) if isinstance(value, list) else []


def with_argument(call: ToolCall, name: str, value: Json) -> ToolCall:
    return replace(call, arguments={**call.arguments, name: value})
