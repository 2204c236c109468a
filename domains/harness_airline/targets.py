"""Pick the reservation that a request is about, and how the customer points it out."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from harness.types import Fact
from harness_airline import rules
from harness_airline.pointing import hints_for, route_words, same_route
from harness_airline.records import Reservation, User
from harness_airline.view import View
from harness_taskkit.choices import fact_of

_KNOWS_ID = 0.4

WHICH = "which reservation it is"
HINT = "which of the two reservations you mean"
"""What the facts are about that say which reservation is meant."""

_WHICH_WORDS = "which reservation/reservation id/which trip/reservation number"
_HINT_WORDS = "which of/two reservations/which one"


@dataclass(frozen=True, slots=True)
class Customer:
    """A user about to call; ``used`` are reservations of earlier requests of the conversation.

    ``open`` are those among them that may be changed once more, ``changed`` those changed or
    cancelled. ``about`` are cities, days or ids that it calls about if it can. ``complains`` is set
    where a later request asks for compensation for the reservation that is changed now. ``avoided``
    are features that come of the records or by chance, and must not here.
    """

    view: View
    user_id: str
    rng: random.Random
    about: frozenset[str] = frozenset()
    used: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    complains: bool = False
    avoided: frozenset[str] = frozenset()

    @property
    def user(self) -> User:
        """The profile as it is now."""
        return self.view.user(self.user_id)

    @property
    def reservations(self) -> list[Reservation]:
        """The reservations as they are now, with those just booked."""
        return [self.view.reservation(key) for key in self.user["reservations"]]

    def has(self, feature: str, wanted: frozenset[str], by_chance: bool) -> bool:
        """Whether a request is to have a feature: as chance will have it, where none is asked."""
        return feature in wanted or (by_chance and feature not in self.avoided)

    def statuses(self, reservation: Reservation) -> list[str]:
        return rules.statuses(reservation, self.view.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """``reservation`` as the customer knows it: by its id if ``knows_id``, else by its route.

    ``hint``: wordings that tell it from the one other on that route; () if there is none.
    """

    reservation: Reservation
    route: str
    knows_id: bool = False
    hint: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.reservation["reservation_id"]


def find_target(
    customer: Customer,
    fits: Callable[[Reservation], bool],
    *,
    two: bool = False,
    again: bool = False,
) -> Target | None:
    """A reservation made before the call that fits and can be pointed out; None if there is none.

    With ``two`` exactly one other reservation of the user goes the same way; without it the route
    fits one only, or the customer knows the id. With ``again`` it is one that an earlier request
    changed; without, one that no earlier request is about.
    """
    rng = customer.rng
    known = [
        one
        for one in customer.reservations
        if one["reservation_id"] in customer.view.airline.reservations
    ]
    found = rng.sample(known, len(known))
    for reservation in sorted(found, key=lambda one: not _is_about(customer, one)):
        key = reservation["reservation_id"]
        if (key in customer.open) is not again or (key in customer.used) is not again:
            continue
        target = _point_out(customer, reservation, two) if fits(reservation) else None
        if target is not None:
            return target
    return None


def subject_facts(target: Target, others: Sequence[Reservation]) -> list[Fact]:
    """Which reservation it is, and which of two if the route fits both."""
    if target.knows_id:
        says = (f"It is reservation {target.id}.", f"The reservation id is {target.id}.")
    else:
        says = (f"It is my trip {target.route}.", f"I mean the trip {target.route}.")
    facts = [
        fact_of(
            WHICH,
            _WHICH_WORDS,
            says,
            "reservation_id",
            right=(target.id.lower(),),
            wrong=tuple(
                other["reservation_id"].lower()
                for other in others
                if other["reservation_id"] != target.id
            ),
        )
    ]
    return [*facts, hint_fact(target)] if target.hint else facts


def hint_fact(target: Target, *, volunteered: bool = False) -> Fact:
    """What tells the reservation from the one other on its route."""
    fact = fact_of(HINT, _HINT_WORDS, target.hint, "reservation_id")
    return replace(fact, volunteered=volunteered)


def phrases(target: Target, told: Sequence[Fact]) -> tuple[str, ...]:
    """What a lead calls the reservation, by the facts that it tells."""
    about = {fact.about for fact in told}
    if WHICH not in about:
        return ("a reservation", "one of my reservations")
    if target.knows_id:
        return (f"reservation {target.id}", f"my reservation {target.id}")
    if target.hint and HINT not in about:
        return (f"one of my two trips {target.route}",)
    return (f"my trip {target.route}", f"the reservation for my trip {target.route}")


def _is_about(customer: Customer, reservation: Reservation) -> bool:
    cities = customer.view.airline.airports
    ends = (cities[reservation["origin"]], cities[reservation["destination"]])
    return not customer.about.isdisjoint(
        text.lower() for text in (reservation["reservation_id"], *ends)
    )


def _point_out(customer: Customer, reservation: Reservation, two: bool) -> Target | None:
    rng, cities = customer.rng, customer.view.airline.airports
    route = route_words(reservation, cities)
    others = [
        other
        for other in customer.reservations
        if same_route(other, reservation)
        and other["reservation_id"] != reservation["reservation_id"]
    ]
    if two:
        hints = hints_for(reservation, others[0]) if len(others) == 1 else []
        if not hints:
            return None
        return Target(reservation=reservation, route=route, hint=rng.choice(hints))
    if others or rng.random() < _KNOWS_ID:
        return Target(reservation=reservation, route=route, knows_id=True)
    return Target(reservation=reservation, route=route)
