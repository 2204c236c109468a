"""Turn a seed into a business: what it calls things, what can be done, and with which tools."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from harness_invented import wording
from harness_invented.names import invented_word
from harness_taskkit.wording import plural

Role = Literal[
    "drop", "give_back", "swap", "change", "move", "repay", "profile", "set", "extend", "ask"
]
"""What can be wanted: end a record, give entries back, swap entries of a late or an early record,
send it elsewhere, pay otherwise, change the client's own place, set an option, make a record
longer, know something about a record.
"""

ITEM_ROLES: frozenset[str] = frozenset({"give_back", "swap", "change"})
"""The roles that are about entries of a record, not about the record as a whole."""

PLACE_SLOTS = ("street", "unit", "town", "region", "country", "code")
_SLOTS: Mapping[Role, tuple[str, ...]] = {
    "drop": ("record", "reason"),
    "give_back": ("record", "entries", "account"),
    "swap": ("record", "entries", "editions", "account"),
    "change": ("record", "entries", "editions", "account"),
    "move": ("record", *PLACE_SLOTS),
    "repay": ("record", "account"),
    "profile": ("client", *PLACE_SLOTS),
    "set": ("record", "option"),
    "extend": ("record", "count"),
}
_STATUS: Mapping[Role, str] = {
    "drop": "early",
    "give_back": "late",
    "swap": "late",
    "change": "early",
    "move": "early",
    "repay": "early",
    "set": "early",
    "extend": "early",
}
_VERBS: Mapping[Role, tuple[str, ...]] = {
    "drop": ("cancel", "drop", "withdraw", "delete"),
    "give_back": ("return", "refund", "surrender"),
    "swap": ("exchange", "swap", "trade"),
    "change": ("modify", "change", "replace", "alter"),
    "move": ("change", "modify", "update", "move"),
    "repay": ("change", "modify", "update"),
    "profile": ("change", "modify", "update"),
    "set": ("set", "change", "choose"),
    "extend": ("extend", "renew", "prolong"),
}
_OPTIONAL: tuple[Role, ...] = ("repay", "profile", "set", "extend", "move")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that can be done: its tool, the slots of its arguments, the status it needs.

    ``stage`` is "early", "late" or "" (no record is needed).
    """

    role: Role
    tool: str
    slots: tuple[str, ...]
    stage: str
    verb: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A way to pay: cards have a brand and last digits, some hold a balance."""

    name: str
    has_brand: bool
    has_balance: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """All that the seed decided. ``arguments`` names the argument of each slot."""

    seed: int
    client: str
    record: str
    entry: str
    edition: str
    kind: str
    account: str
    place: str
    price: str
    free: str
    option: str
    option_values: tuple[str, ...]
    unit: str
    stages: Mapping[str, str]
    reasons: tuple[str, ...]
    sources: tuple[Source, ...]
    axes: Mapping[str, tuple[str, tuple[str, ...]]]
    operations: Mapping[Role, Operation]
    finders: tuple[str, str]
    readers: Mapping[str, str]
    arguments: Mapping[str, str]
    handover: str
    nested: bool
    listed: bool
    digits: int
    prefix: str

    @property
    def listing(self) -> str:
        """The field of a client that lists the ids of its records."""
        return plural(self.record)


@lru_cache(maxsize=256)
def blueprint(seed: int) -> Blueprint:
    """The business of the seed: the same on every machine."""
    return _Drafter(random.Random(f"invented/{seed}")).draft(seed)


class _Drafter:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        pick = rng.choice
        self.client = pick(wording.CLIENTS)
        self.record, self.entry = pick(wording.RECORDS), pick(wording.ENTRIES)
        self.edition, self.kind = pick(wording.EDITIONS), pick(wording.KINDS)
        self.account, self.place = pick(wording.ACCOUNTS), pick(wording.PLACES)
        self.option = pick(("priority", "reminder", "channel", "insurance", "contact", "service"))
        self.unit = pick(("days", "weeks", "months", "hours"))
        self.stages = {
            "early": pick(wording.EARLY),
            "late": pick(wording.LATE),
            "locked": pick(wording.LOCKED),
            "ended": "cancelled",
        }

    def draft(self, seed: int) -> Blueprint:
        rng = self.rng
        axes = self._axes()
        return Blueprint(
            seed=seed,
            client=self.client,
            record=self.record,
            entry=self.entry,
            edition=self.edition,
            kind=self.kind,
            account=self.account,
            place=self.place,
            price=rng.choice(("price", "price", "fee", "cost", "rate")),
            free=rng.choice(("available", "available", "free", "in_stock", "on_offer")),
            option=self.option,
            option_values=tuple(rng.sample(("email", "phone", "letter", "low", "high", "none"), 3)),
            unit=self.unit,
            stages=self.stages,
            reasons=tuple(rng.sample(wording.REASONS, rng.choice((2, 2, 3)))),
            sources=tuple(map(self._source, rng.sample(wording.SOURCES, rng.choice((3, 3, 4))))),
            axes=axes,
            operations=self._operations(),
            finders=self._finders(),
            readers=self._readers(),
            arguments=self._arguments(),
            handover=rng.choice(("transfer_to_human", "hand_over_to_human")),
            nested=rng.random() < 0.5,
            listed=rng.random() < 0.4,
            digits=rng.choice((6, 8, 10)),
            prefix=rng.choice(("", "", "#", "#W", f"{self.record[0].upper()}", "R-", "#B")),
        )

    def _axes(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        axes = {name: wording.AXES[name] for name in self.rng.sample(list(wording.AXES), 6)}
        stock = [invented_word(self.rng) for _ in range(4)] + self.rng.sample(wording.THINGS, 6)
        for name in self.rng.sample(("trim", "mood", "theme", "flavor"), 2):
            values = tuple(self.rng.sample(stock, 4))
            axes[name] = (self.rng.choice((f"with {{}} {name}", "of the {} sort")), values)
        return axes

    def _source(self, name: str) -> Source:
        is_card = name.endswith("card") and name not in ("gift_card", "prepaid_card")
        holds = name in ("gift_card", "voucher", "prepaid_card", "points_account", "travel_credit")
        return Source(name=name, has_brand=is_card, has_balance=holds)

    def _operations(self) -> dict[Role, Operation]:
        rng = self.rng
        roles: list[Role] = ["drop", "give_back", "swap", "change"]
        roles += rng.sample(_OPTIONAL, rng.choice((2, 3, 4)))
        taken: set[str] = set()
        made: dict[Role, Operation] = {}
        for role in roles:
            verbs = [verb for verb in _VERBS[role] if role not in ITEM_ROLES or verb not in taken]
            verb = rng.choice(verbs)
            taken.add(verb)
            stage = _STATUS.get(role, "")
            middle = f"{self.stages[stage]} ".replace(" ", "_") if stage else ""
            tool = f"{verb}_{middle if rng.random() < 0.5 else ''}{self._object(role)}"
            made[role] = Operation(
                role=role, tool=tool.replace(" ", "_"), slots=_SLOTS[role], stage=stage, verb=verb
            )
        return made

    def _object(self, role: Role) -> str:
        objects: Mapping[Role, Callable[[], str]] = {
            "drop": lambda: self.record,
            "give_back": lambda: f"{self.record}_{plural(self.entry)}",
            "swap": lambda: f"{self.record}_{plural(self.entry)}",
            "change": lambda: f"{self.record}_{plural(self.entry)}",
            "move": lambda: f"{self.record}_{self.place}",
            "repay": lambda: f"{self.record}_{self.account}",
            "profile": lambda: f"{self.client}_{self.place}",
            "set": lambda: f"{self.record}_{self.option}",
            "extend": lambda: self.record,
        }
        return objects[role]()

    def _finders(self) -> tuple[str, str]:
        who = f"{self.rng.choice(('find', 'look_up'))}_{self.client}"
        return f"{who}_by_email", f"{who}_by_name"

    def _readers(self) -> dict[str, str]:
        verb = self.rng.choice(("get", "show"))
        end = self.rng.choice(("", "_details"))
        nouns = {"client": self.client, "record": self.record, "kind": self.kind}
        return {slot: f"{verb}_{noun}{end}" for slot, noun in nouns.items()}

    def _arguments(self) -> dict[str, str]:
        pick = self.rng.choice
        end = pick(("id", "id", "id", "number"))
        account = self.account.replace(" ", "_")
        place = pick(
            (
                ("address1", "address2", "city", "state", "country", "zip"),
                ("street", "unit", "town", "region", "country", "postcode"),
                ("line1", "line2", "city", "region", "country", "zip_code"),
            )
        )
        return {
            "client": f"{self.client}_{end}",
            "record": f"{self.record}_{end}",
            "kind": f"{self.kind}_{end}",
            "entries": f"{self.entry}_{end}s",
            "editions": f"new_{self.entry}_{end}s",
            "account": f"{account}_{end}",
            "reason": pick(("reason", "cause")),
            "option": self.option,
            "count": self.unit,
            "email": "email",
            "first": "first_name",
            "last": "last_name",
            "summary": "summary",
            **dict(zip(PLACE_SLOTS, place, strict=True)),
        }
