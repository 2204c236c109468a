"""List every outcome that fits a task's words, its records and the policy: a good task has one.

Nothing of the wanted calls is looked at: each argument is read anew from what the customer says
when asked, and every call that the words fit and the policy allows is tried on a fresh airline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product

from harness.types import Fact, Json, Request, Task, ToolCall
from harness_airline import rules
from harness_airline.changes import ROUTE
from harness_airline.compat import FIXED, Compat
from harness_airline.database import airline_of
from harness_airline.hearing import (
    bags_in,
    cabins_in,
    complaint_in,
    new_trip,
    new_way,
    party_in,
    passengers_in,
    reason_in,
    wish_in,
)
from harness_airline.journeys import as_flights, fitting, moved, price, ways_of
from harness_airline.operations import OPERATIONS
from harness_airline.payments import divided, named_methods
from harness_airline.pointing import fitting_reservations
from harness_airline.records import CABINS, PaymentMethod, Reservation, User
from harness_airline.solve import caller
from harness_airline.tools import AirlineWorld
from harness_airline.view import View
from harness_taskkit.choices import told_of
from harness_taskkit.proofs import all_readings

MOST = 64
"""Calls that are tried for one request: the words of one with more fit nearly anything."""

Arguments = Iterator[Mapping[str, Json]]


def readings(task: Task, compat: Compat = FIXED) -> list[tuple[ToolCall, ...]]:
    """The wanted calls first if they are among them; then what differs in one request, each with
    an effect of its own. [] if the words of a request lead nowhere.
    """
    airline = airline_of(task.world)
    user_id = caller(airline, task)
    if user_id is None:
        return []
    return all_readings(
        task,
        lambda request: islice(_fitting(task, request, View(airline, compat), user_id), MOST),
        lambda: AirlineWorld(airline, compat),
    )


def _fitting(task: Task, request: Request, view: View, user_id: str) -> Iterator[ToolCall]:
    """Calls that fit the request's words and the policy, after what was wanted before it."""
    changed: set[Json] = set()
    for before in task.scenario.requests:
        if before is request:
            break
        if before.want is not None and view.does(before.want):
            changed.add(before.want.arguments.get("reservation_id"))
    operation = OPERATIONS.get(request.kind)
    if operation is None or not operation.tool or not request.facts:
        return
    user = view.user(user_id)
    found: Arguments
    if request.kind == "book":
        found = _bookings(view, user, request.facts)
    else:
        found = _updates(view, user, request, changed)
    for arguments in found:
        filled = {name: arguments[name] for name in operation.arguments}
        yield ToolCall(name=operation.tool, arguments=filled)


def _updates(view: View, user: User, request: Request, changed: set[Json]) -> Arguments:
    everything = [view.reservation(key) for key in user["reservations"]]
    for reservation in fitting_reservations(everything, request.facts):
        if reservation["status"] == "cancelled" and request.kind != "compensate":
            continue
        key = reservation["reservation_id"]
        now = _Moment(view, user, reservation, request.facts, key in changed)
        for found in _READERS[request.kind](now):
            yield {"user_id": user["user_id"], "reservation_id": key, **found}


@dataclass(frozen=True, slots=True)
class _Moment:
    """A reservation that the words fit, and whether the customer had it changed ``again``."""

    view: View
    user: User
    reservation: Reservation
    facts: Sequence[Fact]
    again: bool


# --- one kind after the other ---------------------------------------------------------------------


def _cancellations(now: _Moment) -> Arguments:
    reason = reason_in(told_of(now.facts, "reservation_id"))
    flown = rules.is_flown(now.reservation, now.view.status)
    if not flown and rules.may_cancel(now.reservation, reason, now.view.status):
        yield {}


def _other_flights(now: _Moment) -> Arguments:
    found, wish = new_way(now.reservation, now.facts), wish_in(now.facts)
    forbidden = now.reservation["cabin"] == "basic_economy" or any(
        f.about == ROUTE for f in now.facts
    )
    if found is None or wish is None or forbidden:
        return
    place, way = found
    ways = ways_of(now.reservation["flights"], now.reservation["destination"])
    for journey in fitting(now.view, way, wish):
        flights = moved(ways, place, journey)
        for method in _methods(now.user, now.facts):
            yield {"cabin": way.cabin, "flights": flights, "payment_id": method["id"]}


def _other_cabins(now: _Moment) -> Arguments:
    text = told_of(now.facts, "cabin")
    if "only on" in text or rules.is_flown(now.reservation, now.view.status):
        return
    for cabin, method in product(cabins_in(text) or CABINS, _methods(now.user, now.facts)):
        if cabin != now.reservation["cabin"]:
            flights = as_flights([now.reservation["flights"]])
            yield {"cabin": cabin, "flights": flights, "payment_id": method["id"]}


def _more_bags(now: _Moment) -> Arguments:
    booked = now.reservation["total_baggages"]
    total = bags_in(told_of(now.facts, "total_baggages"), booked)
    if total <= booked:
        return
    people = len(now.reservation["passengers"])
    bags = _bags(now.user, total, now.reservation["cabin"], people)
    for method in _methods(now.user, now.facts):
        yield {**bags, "payment_id": method["id"]}


def _other_passengers(now: _Moment) -> Arguments:
    people = passengers_in(told_of(now.facts, "passengers"), now.reservation)
    if people is not None:
        yield {"passengers": people}


def _compensations(now: _Moment) -> Arguments:
    complaint = complaint_in(told_of(now.facts, "amount"))
    amount = rules.compensation(
        now.user, now.reservation, now.view.status, complaint, was_changed=now.again
    )
    if amount:
        yield {"amount": amount}


_READERS: Mapping[str, Callable[[_Moment], Arguments]] = {
    "cancel": _cancellations,
    "change_flights": _other_flights,
    "change_cabin": _other_cabins,
    "add_bags": _more_bags,
    "change_passengers": _other_passengers,
    "compensate": _compensations,
}


def _bookings(view: View, user: User, facts: Sequence[Fact]) -> Arguments:
    people = party_in(told_of(facts, "passengers"), user)
    if people is None or len(people) > rules.MOST_PASSENGERS:
        return
    ways, wish = new_trip(facts, len(people)), wish_in(facts)
    if not ways or wish is None:
        return
    cabin, insured = ways[0].cabin, "no " not in told_of(facts, "insurance").lower()
    bags = _bags(user, bags_in(told_of(facts, "total_baggages"), 0), cabin, len(people))
    extras = rules.extras(bags["nonfree_baggages"], len(people), insured=insured)
    for journeys in product(*(fitting(view, way, wish) for way in ways)):
        total = len(people) * price(journeys, cabin) + extras
        payments = divided(_split(user, told_of(facts, "payment_methods")), total)
        if payments is not None:
            yield {
                "user_id": user["user_id"],
                "origin": ways[0].origin,
                "destination": ways[0].destination,
                "flight_type": "round_trip" if len(ways) > 1 else "one_way",
                "cabin": cabin,
                "flights": [*as_flights(journeys)],
                "passengers": people,
                "payment_methods": payments,
                **bags,
                "insurance": "yes" if insured else "no",
            }


# --- money and bags -------------------------------------------------------------------------------


def _methods(user: User, facts: Sequence[Fact]) -> list[PaymentMethod]:
    """The methods for a change: the first named one that is no certificate; all if none is."""
    methods = list(user["payment_methods"].values())
    text = told_of(facts, "payment_id")
    if not text:
        return [method for method in methods if method["source"] != "certificate"]
    named = named_methods(methods, text)
    return [method for method in named if method["source"] != "certificate"]


def _split(user: User, text: str) -> list[PaymentMethod]:
    """The methods for a booking in order; of several certificates that with the most on it."""
    methods = list(user["payment_methods"].values())
    named = named_methods(methods, text)
    if "both" in text:
        certificates = [method for method in methods if method["source"] == "certificate"]
        named = [max(certificates, key=lambda one: one["amount"]), *named]
    return list({method["id"]: method for method in named}.values())


def _bags(user: User, total: int, cabin: str, people: int) -> dict[str, int]:
    return rules.bags(total, rules.free_bags(user["membership"], cabin, people))
