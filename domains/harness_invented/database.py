"""Turn a blueprint and a number into a small database: kinds with editions, clients, records."""

from __future__ import annotations

import random
from functools import lru_cache
from itertools import product
from typing import Any

from harness.types import Split
from harness_invented.blueprint import PLACE_SLOTS, Blueprint, Source, blueprint
from harness_invented.names import Draw, invented_word
from harness_invented.state import Database, Record
from harness_invented.wording import BRANDS, THINGS

_CLIENTS = 10
_KINDS = 12


@lru_cache(maxsize=64)
def database(seed: int, split: Split, number: int) -> Database:
    """The database of that number, the same everywhere; other splits share none of its ids."""
    rng = random.Random(f"{seed}/{split}/{number}")
    return _Builder(blueprint(seed), split, rng).build(number)


class _Builder:
    def __init__(self, plan: Blueprint, split: Split, rng: random.Random) -> None:
        self.plan = plan
        self.split: Split = split
        self.rng = rng
        self.draw = Draw(split, rng)
        self.records: dict[str, Record] = {}
        self.entry_key = plan.arguments["entries"].removesuffix("s")
        self.kind_key = plan.arguments["kind"]

    def build(self, number: int) -> Database:
        kinds = dict(self._kind(name) for name in self._names())
        clients = dict(self._client(kinds) for _ in range(_CLIENTS))
        return Database(
            plan=self.plan,
            split=self.split,
            number=number,
            clients=clients,
            records=self.records,
            kinds=kinds,
        )

    def _names(self) -> list[str]:
        """Names of kinds, none of which is part of another."""
        nouns = self.rng.sample(THINGS, _KINDS)
        firsts = self.rng.sample(sorted(set(THINGS) - set(nouns)), _KINDS)
        names = []
        for first, noun in zip(firsts, nouns, strict=True):
            word = invented_word(self.rng) if self.rng.random() < 0.25 else noun
            names.append(word if self.rng.random() < 0.55 else f"{first} {word}")
        return [name.title() for name in names]

    def _kind(self, name: str) -> tuple[str, Record]:
        rng, plan = self.rng, self.plan
        kind_id = self._id("kind")
        axes = rng.sample(list(plan.axes), rng.choice((2, 2, 3)))
        chosen = {axis: rng.sample(plan.axes[axis][1], rng.choice((2, 3, 3))) for axis in axes}
        wanted = list(product(*chosen.values()))
        combos = rng.sample(wanted, min(len(wanted), rng.choice((4, 5, 6, 7))))
        base = rng.uniform(10, 700)
        editions = [self._edition(dict(zip(axes, combo, strict=True)), base) for combo in combos]
        listed: Any = editions if plan.listed else {e[self.entry_key]: e for e in editions}
        return kind_id, {"name": name, self.kind_key: kind_id, "editions": listed}

    def _edition(self, chosen: dict[str, str], base: float) -> Record:
        price = round(base * self.rng.uniform(0.8, 1.25), 2)
        spread = {"options": chosen} if self.plan.nested else chosen
        return {
            self.entry_key: self._id("entry"),
            **spread,
            self.plan.free: self.rng.random() < 0.68,
            self.plan.price: price,
        }

    def _client(self, kinds: dict[str, Record]) -> tuple[str, Record]:
        plan = self.plan
        first, last = self.draw.person()
        client_id = f"{first}_{last}_{self.draw.number(4)}".lower()
        accounts = dict(self._account(source) for source in self._wallet())
        place = self.draw.place([plan.arguments[slot] for slot in PLACE_SLOTS])
        client: Record = {
            plan.arguments["client"]: client_id,
            "name": {plan.arguments["first"]: first, plan.arguments["last"]: last},
            plan.place.replace(" ", "_"): place,
            "email": f"{first}.{last}{self.draw.number(4)}@example.com".lower(),
            "accounts": accounts,
            plan.listing: [],
        }
        for basket, stage in self._baskets(list(kinds.values())):
            record = self._record(client, place, basket, stage)
            self.records[record[plan.arguments["record"]]] = record
            client[plan.listing].append(record[plan.arguments["record"]])
        return client_id, client

    def _wallet(self) -> list[Source]:
        sources = self.rng.sample(self.plan.sources, self.rng.choice((1, 2, 2, 3)))
        cards = [source for source in sources if source.has_brand]
        return [*sources, *cards[:1]] if cards and self.rng.random() < 0.25 else sources

    def _account(self, source: Source) -> tuple[str, Record]:
        account: Record = {"source": source.name}
        if source.has_brand:
            account |= {"brand": self.rng.choice(BRANDS), "last_four": str(self.draw.number(4))}
        account["id"] = f"{source.name}_{self.draw.number(7)}"
        if source.has_balance:
            account["balance"] = round(self.rng.uniform(5, 900), 2)
        return account["id"], account

    def _baskets(self, kinds: list[Record]) -> list[tuple[list[Record], str]]:
        """For each record its kinds and its stage; two records often hold one and the same kind."""
        rng = self.rng
        count = rng.choices((1, 2, 3, 4), (20, 40, 28, 12))[0]
        sizes = rng.choices((1, 2, 3, 4), (25, 30, 25, 20), k=count)
        baskets = [rng.sample(kinds, size) for size in sizes]
        stages = rng.choices(("early", "late", "locked"), (46, 44, 10), k=count)
        if count > 1 and rng.random() < 0.6:
            one, other = rng.sample(range(count), 2)
            shared = rng.choice(baskets[one])
            if shared not in baskets[other]:
                baskets[other].append(shared)
            if rng.random() < 0.5:
                stages[other] = stages[one]
        return list(zip(baskets, stages, strict=True))

    def _record(self, client: Record, place: Record, basket: list[Record], stage: str) -> Record:
        plan, rng = self.plan, self.rng
        entries = [self._entry(kind) for kind in basket]
        total = round(sum(entry[plan.price] for entry in entries), 2)
        paid = rng.choice(list(client["accounts"]))
        names = [plan.arguments[slot] for slot in PLACE_SLOTS]
        elsewhere = self.draw.place(names) if rng.random() < 0.15 else dict(place)
        record: Record = {
            plan.arguments["record"]: self._id("record"),
            plan.arguments["client"]: client[plan.arguments["client"]],
            "status": plan.stages[stage],
            plan.place.replace(" ", "_"): elsewhere,
            "entries": entries,
            "payments": [{"type": "payment", "amount": total, plan.arguments["account"]: paid}],
        }
        if "set" in plan.operations:
            record[plan.option] = rng.choice(plan.option_values)
        return record

    def _entry(self, kind: Record) -> Record:
        editions = kind["editions"]
        edition = self.rng.choice(editions if isinstance(editions, list) else [*editions.values()])
        shown = {key: value for key, value in edition.items() if key != self.plan.free}
        return {"name": kind["name"], self.kind_key: kind[self.kind_key], **shown}

    def _id(self, what: str) -> str:
        number = self.draw.number(7 if what == "record" else self.plan.digits)
        return f"{self.plan.prefix}{number}" if what == "record" else str(number)
