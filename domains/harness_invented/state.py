"""A database that is never written, and one conversation's view of it, which carries out calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from harness.types import Changes, Json, Split, ToolCall
from harness_invented.blueprint import PLACE_SLOTS, Blueprint, Operation
from harness_taskkit.state import AnsweringWorld, Overlay, ToolError, copied

Record = dict[str, Any]
"""A JSON object of a shape that the blueprint decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Records by id, and which fields hold what under the blueprint's own names. Never changed."""

    plan: Blueprint
    split: Split
    number: int
    clients: dict[str, Record]
    records: dict[str, Record]
    kinds: dict[str, Record]

    @property
    def tables(self) -> dict[str, dict[str, Record]]:
        """All records by kind and id."""
        return {"clients": self.clients, "records": self.records, "kinds": self.kinds}

    def editions(self, kind_id: str) -> dict[str, Record]:
        """The editions of a kind by id, whatever the shape of the kind's record."""
        key = self.plan.arguments["entries"].removesuffix("s")
        found = self.kinds[kind_id]["editions"]
        return {e[key]: e for e in found} if isinstance(found, list) else found


def options(plan: Blueprint, entry: Record) -> dict[str, str]:
    """What tells an edition from others of its kind."""
    if plan.nested:
        return dict(entry["options"])
    return {axis: entry[axis] for axis in plan.axes if axis in entry}


class InventedWorld(AnsweringWorld):
    """Records that a conversation writes to are its own copies; all others are shared."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._plan = database.plan
        self._records = Overlay(database, None)
        self._operations = {o.tool: o for o in self._plan.operations.values()}

    def changes(self) -> Changes:
        """All that differs from the start, sorted by path."""
        return self._records.changes()

    def carry_out(self, call: ToolCall) -> str | Record:
        plan, tool, arguments = self._plan, call.name, dict(call.arguments)
        if tool in self._operations:
            return self._write(self._operations[tool], arguments)
        if tool == plan.handover:
            self._read(arguments, "summary")
            return "Transfer successful"
        if tool in plan.finders:
            return self._find(tool, arguments)
        for slot, table in (("client", "clients"), ("record", "records"), ("kind", "kinds")):
            if tool == plan.readers[slot]:
                return self._record(table, self._read(arguments, slot)[slot])
        raise ToolError(f"Tool '{tool}' not found.")

    def _find(self, tool: str, arguments: dict[str, Json]) -> str:
        plan = self._plan
        slots = ("email",) if tool == plan.finders[0] else ("first", "last", "code")
        wanted = self._read(arguments, *slots)
        place, code = plan.place.replace(" ", "_"), plan.arguments["code"]
        for key, client in self._database.clients.items():
            known = {"email": client["email"], "code": client[place][code]}
            known |= {slot: client["name"][plan.arguments[slot]] for slot in ("first", "last")}
            if all(str(wanted[slot]).lower() == known[slot].lower() for slot in slots):
                return key
        raise ToolError(f"{plan.client.capitalize()} not found")

    def _read(self, arguments: Mapping[str, Json], *slots: str) -> dict[str, Any]:
        """The arguments by slot; refused if names or types are not those of the schema."""
        names = [self._plan.arguments[slot] for slot in slots]
        if set(arguments) != set(names):
            raise ToolError(f"expected the arguments {', '.join(names)}")
        for slot, name in zip(slots, names, strict=True):
            value = arguments[name]
            strings = isinstance(value, list) and all(isinstance(v, str) for v in value)
            fits = {
                "entries": bool(value) and strings,
                "editions": bool(value) and strings,
                "count": isinstance(value, int) and not isinstance(value, bool) and value > 0,
            }
            if not fits.get(slot, isinstance(value, str)):
                raise ToolError(f"{name} is of the wrong type")
        return {slot: arguments[name] for slot, name in zip(slots, names, strict=True)}

    def _record(self, table: str, key: str) -> Record:
        nouns = {"clients": self._plan.client, "records": self._plan.record}
        noun = nouns.get(table, self._plan.kind).capitalize()
        return cast(Record, self._records.record(table, key, noun))

    # --- writes ----------------------------------------------------------------------------------

    def _write(self, operation: Operation, arguments: Mapping[str, Json]) -> Record:
        given = self._read(arguments, *operation.slots)
        if operation.role == "profile":
            client = copied(self._record("clients", given["client"]))
            client[self._plan.place.replace(" ", "_")] = self._place(given)
            self._records.put("clients", given["client"], client)
            return client
        record = self._record("records", given["record"])
        wanted = self._plan.stages[operation.stage]
        if record["status"] != wanted:
            raise ToolError(f"{self._plan.record.capitalize()} is not {wanted}")
        after = copied(record)
        self._apply(operation, given, after)
        self._records.put("records", given["record"], after)
        return after

    def _apply(self, operation: Operation, given: Mapping[str, Any], record: Record) -> None:
        match operation.role:
            case "drop":
                self._check_listed("reason", given["reason"], self._plan.reasons)
                record["status"] = self._plan.stages["ended"]
                record["cause"] = given["reason"]
                last = record["payments"][-1]
                self._pay(record, -last["amount"], last[self._plan.arguments["account"]])
            case "give_back" | "swap" | "change":
                self._apply_to_entries(operation, given, record)
            case "move":
                record[self._plan.place.replace(" ", "_")] = self._place(given)
            case "repay":
                self._repay(given["account"], record)
            case "set":
                self._check_listed("option", given["option"], self._plan.option_values)
                record[self._plan.option] = given["option"]
            case "extend":
                record["extended_by"] = record.get("extended_by", 0) + given["count"]

    def _apply_to_entries(
        self, operation: Operation, given: Mapping[str, Any], record: Record
    ) -> None:
        key = self._plan.arguments["entries"].removesuffix("s")
        held = [entry[key] for entry in record["entries"]]
        chosen: list[str] = given["entries"]
        if len(set(chosen)) != len(chosen) or not set(chosen) <= set(held):
            raise ToolError(f"{self._plan.entry.capitalize()} not found")
        account = self._account(record, given["account"])
        if operation.role == "give_back":
            paid = record["payments"][0][self._plan.arguments["account"]]
            if given["account"] not in (paid,) and account["source"] != "gift_card":
                raise ToolError(f"A refund goes to the {self._plan.account} that paid")
            prices = [e[self._plan.price] for e in record["entries"] if e[key] in chosen]
            self._pay(record, -sum(prices), given["account"])
        else:
            self._exchange(record, given, account)
        record["status"] = f"{operation.verb} requested"
        record[self._plan.arguments["entries"]] = sorted(chosen)

    def _exchange(self, record: Record, given: Mapping[str, Any], account: Record) -> None:
        plan, chosen, new = self._plan, given["entries"], given["editions"]
        if len(chosen) != len(new):
            raise ToolError("The lists differ in length")
        key, cost = plan.arguments["entries"].removesuffix("s"), 0.0
        held = {entry[key]: entry for entry in record["entries"]}
        for old_id, new_id in zip(chosen, new, strict=True):
            edition = self._database.editions(held[old_id][plan.arguments["kind"]]).get(new_id)
            if edition is None or new_id == old_id or not edition[plan.free]:
                raise ToolError(f"{plan.edition.capitalize()} not available")
            cost += edition[plan.price] - held[old_id][plan.price]
        if account.get("balance", cost) < cost:
            raise ToolError("The balance is too low")
        record[plan.arguments["editions"]] = sorted(new)
        self._pay(record, cost, given["account"])

    def _repay(self, account_id: str, record: Record) -> None:
        name = self._plan.arguments["account"]
        last = record["payments"][-1]
        account = self._account(record, account_id)
        if last[name] == account_id:
            raise ToolError(f"This {self._plan.account} is in use already")
        if account.get("balance", last["amount"]) < last["amount"]:
            raise ToolError("The balance is too low")
        self._pay(record, last["amount"], account_id)

    def _pay(self, record: Record, amount: float, account_id: str) -> None:
        """Note a payment of the client; a negative amount is a refund."""
        kind = "payment" if amount > 0 else "refund"
        name = self._plan.arguments["account"]
        record["payments"].append({"type": kind, "amount": round(abs(amount), 2), name: account_id})

    def _account(self, record: Record, account_id: str) -> Record:
        client = self._record("clients", record[self._plan.arguments["client"]])
        account = client["accounts"].get(account_id)
        if account is None:
            raise ToolError(f"{self._plan.account.capitalize()} not found")
        return cast(Record, account)

    def _place(self, given: Mapping[str, Any]) -> Record:
        return {self._plan.arguments[slot]: given[slot] for slot in PLACE_SLOTS}

    def _check_listed(self, slot: str, value: str, known: tuple[str, ...]) -> None:
        if value not in known:
            raise ToolError(f"{self._plan.arguments[slot]} must be one of {', '.join(known)}")
