"""Pick the record and entries that a request is about, and how the client points them out."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass, field

from harness_invented.blueprint import Blueprint
from harness_invented.state import Database, Record

_KNOWS_ID = 0.3


@dataclass(frozen=True, slots=True)
class Customer:
    """A client about to call; ``used`` are records of earlier requests of the conversation."""

    database: Database
    client: Record
    rng: random.Random
    used: set[str] = field(default_factory=set)

    @property
    def plan(self) -> Blueprint:
        return self.database.plan

    @property
    def records(self) -> list[Record]:
        return [self.database.records[key] for key in self.client[self.plan.listing]]

    def id_of(self, record: Record) -> str:
        return str(record[self.plan.arguments["record"]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """``entries`` of ``record``: the client knows their names and, if ``knows_id``, its id.

    ``hint``: wordings that tell the record from the one other with such entries; () if none is
    needed.
    """

    record: Record
    entries: tuple[Record, ...]
    knows_id: bool
    hint: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(entry["name"].lower() for entry in self.entries)


def names_in(record: Record) -> list[str]:
    """What the record holds, as a client says it."""
    return [entry["name"].lower() for entry in record["entries"]]


def find_target(
    customer: Customer, stages: Collection[str], *, several: bool, two_records: bool
) -> Target | None:
    """A target in a record of one of the stages, which the client can point out; or None.

    With ``two_records`` exactly one other record holds the entry as well.
    """
    rng, plan = customer.rng, customer.plan
    statuses = [plan.stages[stage] for stage in stages]
    for record in rng.sample(customer.records, len(customer.records)):
        if record["status"] not in statuses or customer.id_of(record) in customer.used:
            continue
        count = rng.choice((2, 2, 3, 4)) if several else 1
        entries = rng.sample(record["entries"], min(count, len(record["entries"])))
        if several and len(entries) < 2:
            continue
        target = _point_out(customer, record, tuple(entries), two_records)
        if target is not None:
            return target
    return None


def _point_out(
    customer: Customer, record: Record, entries: tuple[Record, ...], two_records: bool
) -> Target | None:
    names = {entry["name"].lower() for entry in entries}
    others = [r for r in customer.records if r is not record and names <= set(names_in(r))]
    if two_records:
        hints = _hints(customer, record, others[0], names) if len(others) == 1 else []
        if not hints:
            return None
        hint = customer.rng.choice(hints)
        return Target(record=record, entries=entries, knows_id=False, hint=hint)
    knows_id = bool(others) or customer.rng.random() < _KNOWS_ID
    return Target(record=record, entries=entries, knows_id=knows_id)


def _hints(
    customer: Customer, record: Record, other: Record, names: Collection[str]
) -> list[tuple[str, ...]]:
    noun = customer.plan.record
    own = [n for n in names_in(record) if n not in names and n not in names_in(other)]
    hints: list[tuple[str, ...]] = [
        (f"I mean the {noun} that also has the {name}.", f"It is the {noun} with the {name} in it.")
        for name in own
    ]
    if record["status"] != other["status"]:
        status = record["status"]
        hints.append((f"I mean the {noun} that is {status}.", f"It is the {status} {noun}."))
    return hints
