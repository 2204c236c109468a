"""Turn a recipe into the plan of one task: which requests it has and what makes them hard."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from harness.errors import ConfigError
from harness.types import Feature, Recipe

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """What a domain's tasks are mixed of: kinds of requests, and ways to make them harder.

    ``writes`` and ``dead_ends``: kinds with their weights; those of ``recordless`` are about no
    record. ``question``: the kind that changes nothing. ``supports``: the kinds that can be made
    harder in each way; ``wishes``: how often they are; ``clashes``: ways that one request cannot
    have both. ``again``: the way of a second change to one record, which follows one of the kind
    ``first``, or of the kind that ``first`` has for its own. ``counts``: how many requests a task
    has, by weight, and ``counts_with`` a request of a kind. ``last``: the kinds that end the
    conversation. ``unasked``: ways that come of the records where nobody wished for them, and the
    share of tasks that may have them; the others, and all plain tasks, avoid them. The rest are
    shares of all tasks, or of those that can have it.
    """

    domain: str
    names: frozenset[str]
    writes: Mapping[str, float]
    dead_ends: Mapping[str, float]
    question: str
    recordless: frozenset[str] = frozenset()
    last: frozenset[str] = frozenset({"transfer"})
    supports: Mapping[str, tuple[str, ...]]
    wishes: Mapping[str, float]
    clashes: tuple[frozenset[str], ...]
    unasked: Mapping[str, float] = field(default_factory=dict)
    again: str
    first: str | Mapping[str, str]
    counts: Mapping[int, float]
    counts_with: Mapping[str, Mapping[int, float]]
    most_requests: int = 4
    dead_end: float
    questions: float
    failing_lookup: float
    twice: float
    amount: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One request to be made: of ``kind``, or of another kind if it is ``free``, with features.

    ``wishes`` are wanted next to ``must`` but may be dropped where the records do not allow them.
    """

    kind: str
    must: frozenset[str] = frozenset()
    wishes: frozenset[str] = frozenset()
    free: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One task to be made: its requests in order, and the features of the whole conversation.

    ``avoided`` are features that it better has not, such as come of the records unasked.
    """

    slots: tuple[Slot, ...]
    failing_lookup: bool
    must: frozenset[str]
    avoided: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans tasks of a mix."""

    mix: Mix

    def check(self, recipe: Recipe) -> None:
        """Raise ``ConfigError`` for unknown features, and for those that cannot go together."""
        check_names(
            self.mix.domain, (*recipe.required, *recipe.weights, *recipe.without), self.mix.names
        )
        required = frozenset(recipe.required)
        if self._slots_for(required, random.Random(0)) is None:
            raise impossible(self.mix.domain, required)
        if recipe.weights and not self._focuses(recipe):
            wished = {name for name, weight in recipe.weights.items() if weight > 0}
            raise impossible(self.mix.domain, required | wished)

    def plan(self, recipe: Recipe, rng: random.Random) -> Plan:
        """A plan with all required features, and one drawn by the weights if the recipe has some.

        The rest follows the default mix. The recipe must have passed ``check``.
        """
        must = frozenset(recipe.required)
        if recipe.weights:
            must |= {drawn(self._focuses(recipe), rng)}
        slots = self._slots_for(must, rng) or []
        kind = "" if slots or "multi_request" in must else self._kind_without_write(rng)
        if kind:
            slots = [Slot(kind=kind)]
        count = recipe.requests or drawn(self.mix.counts_with.get(kind, self.mix.counts), rng)
        if "multi_request" in must:
            count = max(count, 2)
        pairs = not recipe.plain and count - len(slots) > 1 and self.mix.again not in must
        if pairs and rng.random() < self.mix.twice:
            slots += self._pair(rng)
        slots += [
            Slot(kind=drawn(self.mix.writes, rng), free=True) for _ in range(count - len(slots))
        ]
        rng.shuffle(slots)
        slots.sort(key=self._rank)
        if recipe.plain:
            return Plan(
                slots=tuple(slots),
                failing_lookup="failing_lookup" in must,
                must=must,
                avoided=frozenset({*self.mix.unasked, *recipe.without}) - must,
            )
        slots = [
            replace(slot, wishes=self._wishes(slot, rng) - set(recipe.without)) for slot in slots
        ]
        if self._may_ask_amount(slots) and rng.random() < self.mix.amount:
            slots[-1] = replace(slots[-1], wishes=slots[-1].wishes | {"amount"})
        return Plan(
            slots=tuple(slots),
            failing_lookup="failing_lookup" in must or rng.random() < self.mix.failing_lookup,
            must=must,
            avoided=self._avoided(slots, rng).union(recipe.without) - must,
        )

    def _avoided(self, slots: Sequence[Slot], rng: random.Random) -> frozenset[str]:
        """What comes unasked and is left out of this task, as nobody wishes for it."""
        left_out = {name for name, share in self.mix.unasked.items() if rng.random() >= share}
        return frozenset(left_out.difference(*(slot.wishes for slot in slots)))

    def _kind_without_write(self, rng: random.Random) -> str:
        """A dead end or a question as often as the default mix has them, else ""."""
        luck = rng.random()
        if luck < self.mix.dead_end:
            return drawn(self.mix.dead_ends, rng)
        return self.mix.question if luck < self.mix.dead_end + self.mix.questions else ""

    def _pair(self, rng: random.Random) -> list[Slot]:
        """Two changes to one record."""
        second, first = self._with_pair([], rng)
        return [Slot(kind=first), Slot(kind=second, must=frozenset({self.mix.again}))]

    def _with_pair(self, kinds: Sequence[str], rng: random.Random) -> list[str]:
        """The kinds, completed to some that can be two changes to one record."""
        seconds = {kind: self.mix.writes[kind] for kind in self.mix.supports[self.mix.again]}
        second = next((kind for kind in kinds if kind in seconds), None) or drawn(seconds, rng)
        first = self.mix.first
        return list(
            dict.fromkeys([*kinds, second, first if isinstance(first, str) else first[second]])
        )

    def _rank(self, slot: Slot) -> int:
        """Where a slot must stand: second changes late, amounts and transfers last."""
        if slot.kind in self.mix.last:
            return 3
        return 2 if "amount" in slot.must else int(self.mix.again in slot.must)

    def _may_ask_amount(self, slots: Sequence[Slot]) -> bool:
        """Whether the last request can ask for an amount; one request of a task at most asks."""
        asked = any(slot.kind == self.mix.question or "amount" in slot.must for slot in slots)
        return not asked and slots[-1].kind in self.mix.supports["amount"]

    def draw_kinds(self, rng: random.Random) -> list[str]:
        """The kinds of writes that are about a record, in random order."""
        kinds = [kind for kind in self.mix.writes if kind not in self.mix.recordless]
        return sorted(
            kinds, key=lambda kind: rng.random() ** (1 / self.mix.writes[kind]), reverse=True
        )

    def _wishes(self, slot: Slot, rng: random.Random) -> frozenset[str]:
        """Features of the default mix that go with what the request must have."""
        fitting = [
            name
            for name in self.mix.wishes
            if slot.kind in self.mix.supports[name] and name not in slot.must
        ]
        wished: set[str] = set()
        for name in rng.sample(fitting, len(fitting)):
            if rng.random() < self.mix.wishes[name] and not self._clash(
                slot.must | wished | {name}
            ):
                wished.add(name)
        return frozenset(wished)

    def _slots_for(self, must: frozenset[str], rng: random.Random) -> list[Slot] | None:
        """The fewest slots that have all required features between them; None if there are none."""
        kinds = [
            kind
            for kind in (*self.mix.writes, *self.mix.dead_ends, self.mix.question)
            if kind in must
        ]
        harder = [name for name in self.mix.supports if name in must]
        if len(kinds) > self.mix.most_requests or (
            "amount" in must and must & {*self.mix.last, self.mix.question}
        ):
            return None
        if not kinds:
            if not harder:
                return []
            fitting = self._fitting(self.mix.writes, harder)
            for others in (self.mix.dead_ends, {self.mix.question: 1.0}):
                fitting = fitting or self._fitting(others, harder)
            kinds = [drawn(fitting, rng)] if fitting else []
        if self.mix.again in must:
            kinds = self._with_pair(kinds, rng)
        placed: dict[str, set[str]] = {kind: set() for kind in kinds}
        for name in harder:
            able = [
                kind
                for kind, has in placed.items()
                if kind in self.mix.supports[name] and not self._clash(has | {name})
            ]
            if not able:
                return None
            placed[able[0]].add(name)
        return [Slot(kind=kind, must=frozenset(has)) for kind, has in placed.items()]

    def _fitting(self, kinds: Mapping[str, float], harder: Sequence[str]) -> dict[str, float]:
        """Those of the kinds that can be made harder in all of these ways, with their weights."""
        return {
            kind: share
            for kind, share in kinds.items()
            if all(kind in self.mix.supports[name] for name in harder)
        }

    def _clash(self, features: Iterable[str]) -> bool:
        together = frozenset(features)
        return any(pair <= together for pair in self.mix.clashes)

    def _focuses(self, recipe: Recipe) -> dict[str, float]:
        required = frozenset(recipe.required)
        return {
            name: weight
            for name, weight in recipe.weights.items()
            if weight > 0 and self._slots_for(required | {name}, random.Random(0)) is not None
        }


def features_in(
    table: Mapping[str, tuple[str, ...]], groups: Mapping[str, str]
) -> tuple[Feature, ...]:
    """Features of a table of descriptions and of the mistakes that they provoke, or ``groups``."""
    return tuple(
        Feature(
            name=name,
            description=description,
            provokes=tuple(" ".join(groups.get(kind, kind) for kind in kinds.split()).split()),
        )
        for name, (description, kinds) in table.items()
    )


def drawn(weights: Mapping[T, float], rng: random.Random) -> T:
    """One of the keys, each as often as its weight says."""
    return rng.choices(list(weights), weights=list(weights.values()))[0]


def check_names(domain: str, asked: Iterable[str], known: Collection[str]) -> None:
    """Raise ``ConfigError`` for a feature that the domain does not have."""
    for name in asked:
        if name not in known:
            raise ConfigError(
                f"{domain} has no feature {name!r}", hint=f"Known: {', '.join(sorted(known))}."
            )


def impossible(domain: str, features: Collection[str], *, hint: str = "") -> ConfigError:
    """The error for features that no task of the domain can have all together."""
    return ConfigError(
        f"no task of {domain} can have all of these features: {', '.join(sorted(features))}",
        hint=hint or "Ask for fewer of them at once.",
    )
