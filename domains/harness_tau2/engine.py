"""An official database with the tools that run on it: what opens the worlds of official tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from harness_tau2.starting import Recorded, starting_records
from harness_tau2.wire import Object

D = TypeVar("D")
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Engine(Generic[D, C]):
    """A database, the way its tools behave, and what makes a world of both.

    The database is a dataclass that has its records of each kind in a field of that name.
    """

    database: D
    compat: C
    world: Callable[[D, C], Recorded]

    def open(self) -> Recorded:
        """A fresh world of one conversation."""
        return self.world(self.database, self.compat)

    def holding(self, records: Mapping[str, object]) -> Engine[D, C]:
        """The same with these records, by kind and id, in place of its own."""
        database: Any = self.database
        return replace(self, database=replace(database, **records))

    def behaving(self, compat: C) -> Engine[D, C]:
        """The same database with tools that behave otherwise."""
        return replace(self, compat=compat)

    def started(self, official: Object) -> Engine[D, C]:
        """The same after what an official task says happened before the conversation.

        Raises ``ConfigError`` for an initial state that the database cannot hold.
        """
        if not official.get("initial_state"):
            return self
        records = self.open().records()
        return self.holding(
            starting_records(official, records, lambda held: self.holding(held).open())
        )
