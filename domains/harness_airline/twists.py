"""Make a finished task harder without changing what it wants: other words, less said, more trips.

The wanted calls stay as they are; what the customer says, and the trips it has, are made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import cast

from harness.types import Fact, Json, Request, Task, stable_seed
from harness_airline import rules
from harness_airline.catalogue import DAYS, price_paid
from harness_airline.compat import FIXED, Compat
from harness_airline.database import airline_of, new_reservation, new_reservation_id, segment_of
from harness_airline.people import as_passenger
from harness_airline.pointing import (
    RESERVATION_ID,
    fitting_reservations,
    hints_for,
    pointers,
    route_words,
    same_route,
)
from harness_airline.prose import tell
from harness_airline.readings import readings
from harness_airline.records import Flight, Reservation
from harness_airline.retelling import openings
from harness_airline.solve import caller, solve
from harness_airline.targets import HINT, WHICH, Target, hint_fact
from harness_airline.view import View
from harness_airline.wording import COMPLAINTS, PRESSURE
from harness_taskkit.numbers import Numbers
from harness_taskkit.twisting import Place

_MOST_TRIPS = 6
_ADDED = "added_reservations"


@dataclass(frozen=True, slots=True)
class _Scene(Place):
    """The place of the request to change, and whose it is when it is brought up."""

    view: View
    user_id: str

    @property
    def reservations(self) -> list[Reservation]:
        ids = self.view.user(self.user_id)["reservations"]
        return [self.view.reservation(key) for key in ids]

    @property
    def target(self) -> Target | None:
        """What the request is about; None if it is about no reservation."""
        facts = self.request.facts
        found = fitting_reservations(self.reservations, facts)
        if not any(fact.about == WHICH for fact in facts) or len(found) != 1:
            return None
        return Target(
            reservation=found[0],
            route=route_words(found[0], self.view.airline.airports),
            knows_id=RESERVATION_ID.search(pointers(facts)) is not None,
            hint=next((fact.says for fact in facts if fact.about == HINT), ()),
        )

    def retold(
        self, facts: Sequence[Fact], tags: set[str], target: Target | None, aside: str = ""
    ) -> Task:
        """The task with these facts in the request, told in new openings."""
        says = openings(self.request, target, facts, self.rng)
        return self.saying([f"{text} {aside}".strip() for text in says], facts, tags)

    def saying(
        self,
        says: Sequence[str],
        facts: Sequence[Fact],
        tags: set[str],
        world: Mapping[str, Json] | None = None,
    ) -> Task:
        request = replace(self.request, says=self.introduced(says), facts=tuple(facts))
        return self.woven(request, tags, world or {})

    def woven(self, request: Request, tags: set[str], world: Mapping[str, Json]) -> Task:
        identity, user = self.task.scenario.identity, self.view.user(self.user_id)
        return self.with_request(
            request, tags, world, lambda requests: tell(user, identity, requests)
        )


Twist = Callable[[_Scene], Task | None]


def weave(task: Task, twist: str, seed: int, compat: Compat = FIXED) -> Task | None:
    """The task after the twist, in the first of its requests that can have it; None if none can.

    Raises ``KeyError`` for an unknown twist.
    """
    airline = airline_of(task.world)
    user_id = caller(airline, task)
    if user_id is None or task.split != "train":
        return None
    rng = Random(stable_seed("twist", twist, task.id, seed))
    view = View(airline, compat)
    for place, request in enumerate(task.scenario.requests):
        made = _TWISTS[twist](_Scene(task, place, rng, view, user_id))
        if made is not None and solve(made, compat) and len(readings(made, compat)) == 1:
            return made
        if request.want is not None:
            view.does(request.want)
    return None


# --- the twists -----------------------------------------------------------------------------------


def _reworded(scene: _Scene) -> Task | None:
    """The same said as people say it who have other things on their mind."""
    request = scene.request
    if not request.facts or request.revision is not None:
        return None
    return scene.retold(request.facts, set(), scene.target)


def _withheld(scene: _Scene) -> Task | None:
    """A decision of the opening that is told only when the agent asks, or which trip it is."""
    request = scene.request
    free = [
        fact
        for fact in request.facts
        if fact.volunteered and {*fact.needed_for}.isdisjoint(("origin", "user_id"))
    ]
    if not free or request.revision is not None or request.outcome != "done":
        return None
    kept = scene.rng.choice(free)
    hidden = (WHICH, HINT) if kept.about in (WHICH, HINT) else (kept.about,)
    facts = [replace(f, volunteered=f.volunteered and f.about not in hidden) for f in request.facts]
    return scene.retold(facts, {"withheld"}, scene.target)


def _two_reservations(scene: _Scene) -> Task | None:
    """A second trip that goes the same way; the day, the cabin or the kind tells them apart."""
    request, target = scene.request, scene.target
    if target is None or target.hint or target.knows_id or request.revision is not None:
        return None
    mine = target.reservation
    added = _trip(scene, {_route(mine)})
    if added is None or len(scene.reservations) >= _MOST_TRIPS:
        return None
    hints = hints_for(mine, added)
    if not hints or sum(same_route(one, added) for one in scene.reservations) != 1:
        return None
    target = replace(target, hint=scene.rng.choice(hints))
    is_told = scene.rng.random() < 0.7 or request.outcome != "done"
    pointing = [fact for fact in request.facts if fact.about == WHICH]
    rest = [fact for fact in request.facts if fact.about != WHICH]
    hint = hint_fact(target, volunteered=is_told and pointing[0].volunteered)
    facts = [*pointing, hint, *rest]
    says = openings(request, target, facts, scene.rng)
    return scene.saying(says, facts, {"two_reservations"}, _adding(scene, added))


def _more_records(scene: _Scene) -> Task | None:
    """One more trip to look through, on a way that nothing is said about."""
    held = scene.reservations
    if scene.place or len(held) >= _MOST_TRIPS:
        return None
    ways = {_route(flight) for flight in scene.view.airline.flights.values()}
    added = _trip(scene, ways - {_route(one) for one in held})
    if added is None:
        return None
    return scene.woven(scene.request, set(), _adding(scene, added, first=True))


def _pressure(scene: _Scene) -> Task | None:
    """A false claim on top of what must be refused."""
    request = scene.request
    if request.outcome != "refused" or any(text in request.says[0] for text in PRESSURE):
        return None
    return scene.retold(request.facts, {"pressure"}, scene.target, scene.rng.choice(PRESSURE))


def _complaint(scene: _Scene) -> Task | None:
    """A complaint about a flight that asks for nothing."""
    request, target = scene.request, scene.target
    fitting = request.kind in ("cancel", "change_flights") and request.outcome == "done"
    if target is None or not fitting or request.revision is not None:
        return None
    reservation = target.reservation
    found = rules.statuses(reservation, scene.view.status)
    entitled = rules.may_be_compensated(scene.view.user(scene.user_id), reservation)
    said = [text for status, texts in COMPLAINTS.items() if status in found for text in texts]
    if not said or not entitled or any(text in request.says[0] for text in said):
        return None
    return scene.retold(request.facts, {"complaint"}, target, scene.rng.choice(said))


_TWISTS: Mapping[str, Twist] = {
    "reworded": _reworded,
    "more_records": _more_records,
    "withheld": _withheld,
    "complaint": _complaint,
    "pressure": _pressure,
    "two_reservations": _two_reservations,
}

TWISTS = tuple(_TWISTS)
"""All twists, the mildest first."""


# --- more trips -----------------------------------------------------------------------------------


def _route(one: Flight | Reservation) -> tuple[str, str]:
    return one["origin"], one["destination"]


def _trip(scene: _Scene, routes: Collection[tuple[str, str]]) -> Reservation | None:
    """A one-way trip of the customer's alone, on one of the routes, that can still be booked."""
    rng, airline = scene.rng, scene.view.airline
    pairs = [
        (flight, day)
        for flight in airline.flights.values()
        for day in DAYS[6:14]
        if _route(flight) in routes and flight["dates"][day]["status"] == "available"
    ]
    if not pairs:
        return None
    flight, day = rng.choice(pairs)
    user = scene.view.user(scene.user_id)
    cabin = rng.choice(("economy", "business"))
    numbers = Numbers(airline.split, rng)
    while (key := new_reservation_id(numbers)) in airline.reservations:
        pass
    segment = segment_of(flight, day, price_paid(cabin, rng))
    paying = [m for m in user["payment_methods"].values() if m["source"] != "certificate"]
    return new_reservation(
        key,
        user,
        [segment],
        [as_passenger(user)],
        cabin=cabin,
        bags=rng.randint(0, 1),
        insured=rng.random() < 0.5,
        created_at=f"2024-05-{rng.randint(1, 11):02}T09:{rng.randint(10, 59)}:00",
        paid_by=rng.choice(paying)["id"],
    )


def _adding(scene: _Scene, trip: Reservation, *, first: bool = False) -> dict[str, Json]:
    count = len(scene.view.airline.users[scene.user_id]["reservations"])
    return scene.adding(cast(Json, trip), _ADDED, count, first=first)
