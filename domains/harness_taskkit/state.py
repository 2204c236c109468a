"""One shared database that is never written, and the overlay of what one conversation changed."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from functools import lru_cache
from itertools import compress, zip_longest
from operator import is_not
from typing import Any, ClassVar, Generic, Protocol, TypeVar, cast

from harness.types import Change, Changes, Json, ToolCall, ToolResult

T = TypeVar("T")
D = TypeVar("D", bound="HasTables")
C = TypeVar("C")

_CONTAINERS = frozenset((dict, list))
_SCALARS = frozenset((str, bool, int, type(None)))
"""Types whose equal values are the same, unlike 0.0 and -0.0."""


class ToolError(ValueError):
    """A tool refuses a call; the message is what the caller gets to read."""


class HasTables(Protocol):
    """A database: its records by kind and id."""

    @property
    def tables(self) -> Mapping[str, Mapping[str, Any]]: ...


class Overlay(Generic[D, C]):
    """A database seen through the writes of one conversation. Opening copies nothing.

    ``compat`` are the switches that the domain's tools obey, None if it has none. ``transferred``
    is set when the customer was handed to a human; it counts as a change.
    """

    __slots__ = ("_own", "compat", "database", "transferred")

    def __init__(self, database: D, compat: C) -> None:
        self.database = database
        self.compat = compat
        self.transferred = False
        self._own: dict[tuple[str, str], Any] = {}

    def record(self, kind: str, key: str, noun: str) -> Any:
        """The record as it is now, to be read only. Raises ``ToolError``: no such ``noun``."""
        found = self._own.get((kind, key)) or self.database.tables[kind].get(key)
        if found is None:
            raise ToolError(f"{noun} not found")
        return found

    def writable(self, kind: str, key: str, noun: str) -> Any:
        """This conversation's own copy of the record, made on the first write."""
        if (kind, key) not in self._own:
            self._own[kind, key] = copied(self.record(kind, key, noun))
        return self._own[kind, key]

    def put(self, kind: str, key: str, record: Mapping[str, Any]) -> None:
        """Let the record be this from now on; the overlay keeps it and writes to it."""
        self._own[kind, key] = record

    def records(self) -> dict[str, dict[str, Json]]:
        """The whole state as it is now, to be read only: all records by kind and id."""
        found = {kind: dict(table) for kind, table in self.database.tables.items()}
        for (kind, key), record in self._own.items():
            found[kind][key] = record
        return cast("dict[str, dict[str, Json]]", found)

    def changes(self) -> Changes:
        """What differs from the database, field by field, sorted by path.

        A list element has its index in the path. Numbers of other types differ, as they do in JSON
        text: 2 is not 2.0. A transfer is the change of ``("transferred",)``.
        """
        found: list[Change] = []
        tables = self.database.tables
        for path, record in self._own.items():
            _add_differences(found, path, tables[path[0]].get(path[1]), record)
        if self.transferred:
            found.append(Change(path=("transferred",), before=False, after=True))
        return tuple(sorted(found, key=lambda change: change.path))


class AnsweringWorld:
    """A world that answers a call with what ``carry_out`` returns or raises.

    ``refusals`` are the errors by which a tool refuses a call.
    """

    __slots__ = ()
    refusals: ClassVar[tuple[type[Exception], ...]] = (ToolError,)

    def call(self, call: ToolCall) -> ToolResult:
        """The record as JSON, or the text, or "Error: " and what is wrong with the call."""
        try:
            answer = self.carry_out(call)
        except self.refusals as error:
            return ToolResult(content=f"Error: {error}", is_error=True)
        return ToolResult(content=answer if isinstance(answer, str) else json.dumps(answer))

    @abstractmethod
    def carry_out(self, call: ToolCall) -> object:
        """The record or text that answers the call."""


def copied(value: T) -> T:
    """A deep copy of plain JSON data, many times faster than ``copy.deepcopy``."""
    if isinstance(value, dict):
        return cast(
            T,
            {
                key: copied(part) if type(part) in _CONTAINERS else part
                for key, part in value.items()
            },
        )
    if isinstance(value, list):
        return cast(T, [copied(part) if type(part) in _CONTAINERS else part for part in value])
    return value


def _add_differences(found: list[Change], path: tuple[str, ...], before: Json, after: Json) -> None:
    """Add the changes that lead from one value to the other; this is hot, so no generator."""
    if before is after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        if [*before] == [*after]:  # a copy with other values: what is the same is skipped in C
            changed: Iterable[str] = compress(after, map(is_not, before.values(), after.values()))
        else:
            changed = [*after, *(before.keys() - after.keys())]
        old: Any
        new: Any
        for key in changed:
            old, new = before.get(key), after.get(key)
            if type(old) not in _SCALARS or type(new) not in _SCALARS:
                _add_differences(found, (*path, key), old, new)
            elif old != new or type(old) is not type(new):
                found.append(_plain_change((*path, key), old, new))
    elif isinstance(before, list) and isinstance(after, list):
        for index, (old, new) in enumerate(zip_longest(before, after)):
            _add_differences(found, (*path, str(index)), old, new)
    elif before != after or type(before) is not type(after):
        found.append(_change(path, before, after))


def _change(path: tuple[str, ...], before: Json, after: Json) -> Change:
    if type(before) in _SCALARS and type(after) in _SCALARS:
        return _plain_change(path, cast(Hashable, before), cast(Hashable, after))
    return Change(path=path, before=copied(before), after=copied(after))


@lru_cache(maxsize=4096, typed=True)
def _plain_change(path: tuple[str, ...], before: Any, after: Any) -> Change:
    """Made once: conversations on one task change the same, and making one takes a microsecond."""
    return Change(path=path, before=before, after=after)
