"""Choose the editions that a client wants instead of what it has, and how the client says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.types import Fact
from harness_invented.choices import Flaw
from harness_invented.state import Record, options
from harness_invented.targets import Customer, Target
from harness_invented.wording import MINDS
from harness_taskkit.choices import Choice, FirstThought, changed
from harness_taskkit.wording import listing

Pick = tuple[str, Record]
"""How the client describes an edition, and the edition."""


def choose_editions(
    customer: Customer, target: Target, wanted: frozenset[str], flaw: Flaw
) -> tuple[Choice, float] | None:
    """Another edition for each entry, and what they cost more in all; None if there is none."""
    key = customer.plan.arguments["entries"].removesuffix("s")
    way = next((way for way in _WAYS if way in wanted), "full")
    if flaw == "edition":
        way = "gone"
    picks = [_pick(customer, entry, way) for entry in target.entries]
    found = [pick for pick in picks if pick is not None]
    if len(found) < len(picks):
        return None
    price = customer.plan.price
    cost = sum(e[price] - old[price] for (_, e), old in zip(found, target.entries, strict=True))
    choice = Choice(
        arguments={"editions": [edition[key] for _, edition in found]},
        fact=_edition_fact(customer, target, [phrase for phrase, _ in found]),
        features=frozenset({way} & {*_WAYS}),
        refusal="that one is not available" if flaw == "edition" else "",
    )
    if "change_of_mind" in wanted and len(found) == 1:
        other = _pick(customer, target.entries[0], "full")
        if other is None or other[1] is found[0][1]:
            return None
        fact = _edition_fact(customer, target, [other[0]])
        first = FirstThought(arguments={"editions": [other[1][key]]}, says=fact.says)
        choice = changed(choice, first, MINDS)
    return choice, cost


def _edition_fact(customer: Customer, target: Target, phrases: Sequence[str]) -> Fact:
    says: tuple[str, ...]
    if len(phrases) == 1:
        one = phrases[0]
        says = (
            f"I would like {one}.",
            f"I want {one}.",
            f"Please give me {one}.",
            f"I need {one}.",
        )
    else:
        pairs = zip(target.names, phrases, strict=True)
        says = (" ".join(f"For the {name}, I would like {phrase}." for name, phrase in pairs),)
    return Fact(
        about=f"which {customer.plan.edition} you would like",
        asked_by=(f"which {customer.plan.edition}", f"what {customer.plan.edition}"),
        says=says,
        needed_for=(customer.plan.arguments["editions"],),
    )


def _pick(customer: Customer, entry: Record, way: str) -> Pick | None:
    plan, rng = customer.plan, customer.rng
    key = plan.arguments["entries"].removesuffix("s")
    every = customer.database.editions(entry[plan.arguments["kind"]])
    others = [edition for number, edition in every.items() if number != entry[key]]
    rng.shuffle(others)
    return _WAYS_TO_PICK[way](customer, entry, others)


def _full(customer: Customer, entry: Record, others: list[Record]) -> Pick | None:
    there = [edition for edition in others if edition[customer.plan.free]]
    if not there:
        return None
    return f"the one {_phrase(customer, options(customer.plan, there[0]))}", there[0]


def _gone(customer: Customer, entry: Record, others: list[Record]) -> Pick | None:
    gone = [edition for edition in others if not edition[customer.plan.free]]
    if not gone:
        return None
    new = _new(customer, gone[0], entry)
    if len(new) == 1 and customer.rng.random() < 0.5:
        return f"the same one, but {_phrase(customer, new)}", gone[0]
    return f"the one {_phrase(customer, options(customer.plan, gone[0]))}", gone[0]


def _same_but(customer: Customer, entry: Record, others: list[Record]) -> Pick | None:
    for edition in sorted(others, key=lambda other: len(_new(customer, other, entry))):
        if edition[customer.plan.free]:
            return f"the same one, but {_phrase(customer, _new(customer, edition, entry))}", edition
    return None


def _cheapest(customer: Customer, entry: Record, others: list[Record]) -> Pick | None:
    price, free = customer.plan.price, customer.plan.free
    there = [edition for edition in others if edition[free]]
    edition = min(there, key=lambda other: float(other[price]), default=None)
    if edition is None or edition[price] >= entry[price]:
        return None
    return f"the cheapest one that is {free.replace('_', ' ')}", edition


def _fallback(customer: Customer, entry: Record, others: list[Record]) -> Pick | None:
    near = [e for e in others if len(_new(customer, e, entry)) == 1]
    for gone in (e for e in near if not e[customer.plan.free]):
        for there in (e for e in near if e[customer.plan.free]):
            one, two = _new(customer, gone, entry), _new(customer, there, entry)
            if one.keys() == two.keys():
                first, second = _phrase(customer, one), _phrase(customer, two)
                return f"the same one, but {first}, or {second} if that is not available", there
    return None


def _new(customer: Customer, edition: Record, entry: Record) -> dict[str, str]:
    old = options(customer.plan, entry)
    return {k: v for k, v in options(customer.plan, edition).items() if old[k] != v}


def _phrase(customer: Customer, values: Mapping[str, str]) -> str:
    return listing([customer.plan.axes[axis][0].format(value) for axis, value in values.items()])


_WAYS = ("same_but", "cheapest", "fallback")
_WAYS_TO_PICK: Mapping[str, Callable[[Customer, Record, list[Record]], Pick | None]] = {
    "full": _full,
    "gone": _gone,
    "same_but": _same_but,
    "cheapest": _cheapest,
    "fallback": _fallback,
}
