"""Plan the calls that fulfil a task from what its client says."""

from __future__ import annotations

from collections.abc import Sequence

from harness.types import Fact, Request, Task, ToolCall
from harness_invented.blueprint import Blueprint
from harness_invented.state import Database, InventedWorld, Record
from harness_invented.targets import names_in
from harness_taskkit.proofs import reaches_gold
from harness_taskkit.wording import plural


def solve(database: Database, task: Task) -> list[list[ToolCall]] | None:
    """One group of calls per request: look-ups first, then the write.

    Which records are read follows from the client's words alone. None if the words do not lead to
    one record, or the calls do not lead where the gold calls lead.
    """
    planner = _Planner(database, task)
    groups: list[list[ToolCall]] = []
    for request in task.scenario.requests:
        group = planner.plan(request)
        if group is None:
            return None
        groups.append(group)
    groups[0][:0] = planner.opening()
    finders = database.plan.finders
    done = reaches_gold(task, groups, lambda: InventedWorld(database), may_fail=finders)
    return groups if done else None


class _Planner:
    def __init__(self, database: Database, task: Task) -> None:
        self.database = database
        self.task = task
        self.client = database.clients[str(task.world["client"])]
        self.seen: set[str] = set()

    @property
    def _plan(self) -> Blueprint:
        return self.database.plan

    def opening(self) -> list[ToolCall]:
        """The look-ups of the client: by email, by name where that fails, then the record."""
        by_email, by_name = self._plan.finders
        calls = []
        for fact in self.task.scenario.identity:
            finder = by_email if "email" in fact.needed_for else by_name
            values = dict(zip(fact.needed_for, fact.recognised_by, strict=True))
            calls.append(ToolCall(name=finder, arguments=dict(values)))
        return [*calls, self._read("client", str(self.task.world["client"]))]

    def plan(self, request: Request) -> list[ToolCall] | None:
        """The reads that a request needs and that were not made before, then its write."""
        if request.outcome == "transferred":
            return [call for call in self.task.gold if call.name == self._plan.handover]
        wanted = [request.want] if request.want else []
        if request.kind in ("profile", "other"):
            return wanted
        found = [key for key in self._listed() if self._fits(key, request.facts)]
        if len(found) != 1:
            return None
        record = self.database.records[found[0]]
        reads = [("record", key) for key in self._to_read(found[0], request.facts)]
        reads += [("kind", key) for key in self._kinds_to_read(record, request)]
        fresh = [self._read(slot, key) for slot, key in reads if key not in self.seen]
        self.seen.update(key for _, key in reads)
        return [*fresh, *wanted]

    def _read(self, slot: str, key: str) -> ToolCall:
        arguments = {self._plan.arguments[slot]: key}
        return ToolCall(name=self._plan.readers[slot], arguments=dict(arguments))

    def _listed(self) -> list[str]:
        return list(self.client[self._plan.listing])

    def _fits(self, key: str, facts: Sequence[Fact]) -> bool:
        """Whether what the facts say of a record fits the one with that id."""
        text = self._pointers(facts)
        if any(other.lower() in text for other in self._listed()):
            return key.lower() in text
        record = self.database.records[key]
        there = {name for other in self._listed() for name in names_in(self._record(other))}
        named = {name for name in there if f"the {name}" in text}
        statuses = [s for s in self._plan.stages.values() if self._says_status(text, s)]
        return named <= set(names_in(record)) and (not statuses or record["status"] in statuses)

    def _says_status(self, text: str, status: str) -> bool:
        return f"that is {status}." in text or f"the {status} {self._plan.record}." in text

    def _record(self, key: str) -> Record:
        return self.database.records[key]

    def _to_read(self, key: str, facts: Sequence[Fact]) -> list[str]:
        """The record alone if its id was told; all if a later answer decides; else up to it."""
        listed = self._listed()
        if key.lower() in self._pointers(facts):
            return [key]
        argument = self._plan.arguments["record"]
        told = [fact for fact in facts if fact.volunteered or argument in fact.needed_for]
        if sum(self._fits(other, told) for other in listed) != 1:
            return listed
        return listed[: listed.index(key) + 1]

    def _kinds_to_read(self, record: Record, request: Request) -> list[str]:
        """The kinds of the entries to be swapped in the order in which the client names them, where
        a look at their editions can matter.
        """
        if request.kind not in ("swap", "change"):
            return []
        stage = self._plan.operations["swap" if request.kind == "swap" else "change"].stage
        if record["status"] != self._plan.stages[stage]:
            return []
        text = self._pointers(request.facts)
        key = self._plan.arguments["kind"]
        named = {e[key]: text.find(f"the {e['name'].lower()}") for e in record["entries"]}
        return sorted((kind for kind in named if named[kind] >= 0), key=named.__getitem__)

    def _pointers(self, facts: Sequence[Fact]) -> str:
        """What the facts say of the record and its entries, in lower case."""
        names = {self._plan.arguments[slot] for slot in ("record", "entries")}
        about = f"two {plural(self._plan.record)}"
        pointing = [f for f in facts if names & {*f.needed_for} or about in f.about]
        return " ".join(fact.says[0] for fact in pointing).lower()
