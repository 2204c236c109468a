"""Turn a recipe into the plan of one task: which requests it has and what makes them hard."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.types import Recipe
from harness_retail.features import (
    CLASHES,
    DEAD_ENDS,
    NAMES,
    QUESTION,
    SUPPORTS,
    WISHES,
    WRITES,
)
from harness_taskkit.recipes import check_names, drawn, impossible

_FAILING_LOOKUP = 0.09
_DEAD_END = 0.1
_QUESTION = 0.09
_SAME_ORDER = 0.35
_AMOUNT = 0.36
_COUNTS: Mapping[int, float] = {1: 56, 2: 22, 3: 15, 4: 6, 5: 1}
_COUNTS_WITH: Mapping[str, Mapping[int, float]] = {
    **{kind: {1: 55, 2: 30, 3: 15} for kind in DEAD_ENDS},
    QUESTION: {1: 30, 2: 40, 3: 30},
}
_MOST_REQUESTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One request to be made: of ``kind``, or of another kind if it is ``free``, with features.

    ``wishes`` are wanted next to ``must`` but may be dropped where the shop does not allow them.
    """

    kind: str
    must: frozenset[str] = frozenset()
    wishes: frozenset[str] = frozenset()
    free: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One task to be made: its requests in order, and the features of the talk as a whole.

    ``avoided`` are features that it better has not, such as come of the records unasked.
    """

    slots: tuple[Slot, ...]
    failing_lookup: bool
    must: frozenset[str]
    avoided: frozenset[str] = frozenset()


def check_recipe(recipe: Recipe) -> None:
    """Raise ``ConfigError`` if a recipe names unknown features or ones that cannot go together."""
    check_names("retail", (*recipe.required, *recipe.weights, *recipe.without), NAMES)
    required = frozenset(recipe.required)
    if _slots_for(required, random.Random(0)) is None:
        raise impossible("retail", required)
    if recipe.weights and not _focuses(recipe):
        wished = {name for name, weight in recipe.weights.items() if weight > 0}
        raise impossible("retail", required | wished)


def plan_task(recipe: Recipe, rng: random.Random) -> Plan:
    """A plan with all required features and, if the recipe has weights, one feature drawn by them.

    The rest follows the default mix. The recipe must have passed ``check_recipe``.
    """
    must = frozenset(recipe.required)
    if recipe.weights:
        must |= {drawn(_focuses(recipe), rng)}
    slots = _slots_for(must, rng) or []
    kind = "" if slots or "multi_request" in must else _kind_without_write(rng)
    if kind:
        slots = [Slot(kind=kind)]
    count = recipe.requests or drawn(_COUNTS_WITH.get(kind, _COUNTS), rng)
    if "multi_request" in must:
        count = max(count, 2)
    pairs = not recipe.plain and count - len(slots) > 1 and "same_order" not in must
    if pairs and rng.random() < _SAME_ORDER:
        slots += _pair(rng)
    slots += [Slot(kind=drawn(WRITES, rng), free=True) for _ in range(count - len(slots))]
    rng.shuffle(slots)
    slots.sort(key=_rank)
    if recipe.plain:
        return Plan(
            slots=tuple(slots),
            failing_lookup="failing_lookup" in must,
            must=must,
            avoided=frozenset(recipe.without) - must,
        )
    slots = [replace(slot, wishes=_wishes(slot, rng) - set(recipe.without)) for slot in slots]
    if _may_ask_amount(slots) and rng.random() < _AMOUNT:
        slots[-1] = replace(slots[-1], wishes=slots[-1].wishes | {"amount"})
    return Plan(
        slots=tuple(slots),
        failing_lookup="failing_lookup" in must or rng.random() < _FAILING_LOOKUP,
        must=must,
        avoided=frozenset(recipe.without) - must,
    )


def _kind_without_write(rng: random.Random) -> str:
    """A dead end or a question as often as the default mix has them, else ""."""
    luck = rng.random()
    if luck < _DEAD_END:
        return drawn(DEAD_ENDS, rng)
    return QUESTION if luck < _DEAD_END + _QUESTION else ""


def _pair(rng: random.Random) -> list[Slot]:
    """Two changes to one order, the address first."""
    second, first = _with_pair([], rng)
    return [Slot(kind=first), Slot(kind=second, must=frozenset({"same_order"}))]


def _with_pair(kinds: Sequence[str], rng: random.Random) -> list[str]:
    """The kinds, completed to some that can be two changes to one order."""
    seconds = {kind: WRITES[kind] for kind in SUPPORTS["same_order"]}
    second = next((kind for kind in kinds if kind in seconds), None) or drawn(seconds, rng)
    return list(dict.fromkeys([*kinds, second, "modify_address"]))


def _rank(slot: Slot) -> int:
    """Where a slot must stand: a second change after the first, what is told and transfers last."""
    if slot.kind == "transfer":
        return 3
    return 2 if "amount" in slot.must else int("same_order" in slot.must)


def _may_ask_amount(slots: Sequence[Slot]) -> bool:
    """Whether the last request can ask for an amount; a task has one request at most that asks."""
    asked = any(slot.kind == QUESTION or "amount" in slot.must for slot in slots)
    return not asked and slots[-1].kind in SUPPORTS["amount"]


def draw_kinds(rng: random.Random) -> list[str]:
    """The kinds of writes that are about an order, in random order."""
    kinds = [kind for kind in WRITES if kind != "user_address"]
    return sorted(kinds, key=lambda kind: rng.random() ** (1 / WRITES[kind]), reverse=True)


def _wishes(slot: Slot, rng: random.Random) -> frozenset[str]:
    """Features of the default mix that go with what the request must have."""
    fitting = [name for name in WISHES if slot.kind in SUPPORTS[name] and name not in slot.must]
    wished: set[str] = set()
    for name in rng.sample(fitting, len(fitting)):
        if rng.random() < WISHES[name] and not _clash(slot.must | wished | {name}):
            wished.add(name)
    return frozenset(wished)


def _slots_for(must: frozenset[str], rng: random.Random) -> list[Slot] | None:
    """The fewest slots that have all required features between them; None if there are none."""
    kinds = [kind for kind in (*WRITES, *DEAD_ENDS, QUESTION) if kind in must]
    harder = [name for name in SUPPORTS if name in must]
    if len(kinds) > _MOST_REQUESTS or ("amount" in must and must & {"transfer", QUESTION}):
        return None
    if not kinds:
        if not harder:
            return []
        fitting = {
            kind: share
            for kind, share in WRITES.items()
            if all(kind in SUPPORTS[name] for name in harder)
        }
        kinds = [drawn(fitting, rng)] if fitting else []
    if "same_order" in must:
        kinds = _with_pair(kinds, rng)
    placed: dict[str, set[str]] = {kind: set() for kind in kinds}
    for name in harder:
        able = [
            kind
            for kind, has in placed.items()
            if kind in SUPPORTS[name] and not _clash(has | {name})
        ]
        if not able:
            return None
        placed[able[0]].add(name)
    return [Slot(kind=kind, must=frozenset(has)) for kind, has in placed.items()]


def _clash(features: Iterable[str]) -> bool:
    together = frozenset(features)
    return any(pair <= together for pair in CLASHES)


def _focuses(recipe: Recipe) -> dict[str, float]:
    required = frozenset(recipe.required)
    return {
        name: weight
        for name, weight in recipe.weights.items()
        if weight > 0 and _slots_for(required | {name}, random.Random(0)) is not None
    }
