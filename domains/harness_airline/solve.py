"""Plan the calls that fulfil a task from what its customer says, and replay them as proof."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from harness.types import Fact, Json, Request, Task, ToolCall
from harness_airline import rules
from harness_airline.catalogue import TODAY
from harness_airline.changes import ROUTE
from harness_airline.compat import FIXED, Compat
from harness_airline.database import airline_of
from harness_airline.hearing import (
    bags_in,
    complaint_in,
    more_bags_in,
    new_trip,
    new_way,
    party_in,
    reason_in,
    wish_in,
)
from harness_airline.journeys import Way, Wish, fitting
from harness_airline.payments import named_methods, sum_of
from harness_airline.pointing import RESERVATION_ID, fitting_reservations, pointers
from harness_airline.records import Reservation, Segment
from harness_airline.state import Airline
from harness_airline.targets import HINT
from harness_airline.tools import TOOLS, AirlineWorld
from harness_airline.view import View
from harness_taskkit.choices import told_of
from harness_taskkit.proofs import solution

_USER_ID = re.compile(r"\b[a-z]+_[a-z]+_\d{4}\b")


def solve(task: Task, compat: Compat = FIXED) -> list[list[ToolCall]] | None:
    """One group of calls per request: look-ups first, then the write.

    Which records are read follows from the customer's words alone. None if the words do not lead
    to the reservation that the request wants, if a call fails that should not, or if the gold state
    is missed.
    """
    airline = airline_of(task.world)
    user_id = caller(airline, task)
    if user_id is None:
        return None
    plan = _Planner(View(airline, compat), user_id).plan
    return solution(task, look_ups(task), plan, lambda: AirlineWorld(airline, compat), TOOLS)


def look_ups(task: Task) -> list[ToolCall]:
    """The calls that show the customer's profile, in the order in which it tells ids."""
    ids = [_USER_ID.search(fact.says[0]) for fact in task.scenario.identity]
    return [_read("get_user_details", user_id=found[0]) for found in ids if found is not None]


def caller(airline: Airline, task: Task) -> str | None:
    """The id of the customer: the last that it tells; None if nobody has it."""
    calls = look_ups(task)
    user_id = str(calls[-1].arguments["user_id"]) if calls else ""
    return user_id if user_id in airline.users else None


def _read(tool: str, **arguments: Json) -> ToolCall:
    return ToolCall(name=tool, arguments=arguments)


@dataclass(slots=True)
class _Planner:
    view: View
    user_id: str
    seen: list[ToolCall] = field(default_factory=list)

    def plan(self, request: Request, transfers: Sequence[ToolCall]) -> list[ToolCall] | None:
        """The reads that a request needs and that were not made before, then its write."""
        wanted = [request.want] if request.want is not None else [*transfers]
        reads: list[ToolCall] = []
        if request.kind == "book":
            reads = [_read("list_all_airports"), *self._searches_for_trip(request.facts)]
            reads += self._sums_of_booking(request)
        elif not request.facts:
            reads = [*self._sums_of_question(request)]
        else:
            found = self._pointed_out(request)
            if found is None:
                return None
            reads = [*found[1], *self._reads_of(request, found[0])]
        new = [call for call in reads if not any(call.same_as(one) for one in self.seen)]
        new = [call for n, call in enumerate(new) if not any(call.same_as(o) for o in new[:n])]
        self.seen += new
        for call in wanted:
            self.view.does(call)
            changed = call.arguments.get("reservation_id")
            # What was changed reads differently from now on.
            self.seen = [one for one in self.seen if one.arguments.get("reservation_id") != changed]
        return [*new, *wanted]

    def _pointed_out(self, request: Request) -> tuple[Reservation, list[ToolCall]] | None:
        """The one reservation that the words fit, and what is read to find it; None if none."""
        ids = self.view.user(self.user_id)["reservations"]
        everything = [self.view.reservation(key) for key in ids]
        fitting = fitting_reservations(everything, request.facts)
        if len(fitting) != 1:
            return None
        (one,) = fitting
        key = one["reservation_id"]
        if request.want is not None and request.want.arguments.get("reservation_id", key) != key:
            return None
        if RESERVATION_ID.search(pointers(request.facts)):
            return one, [_read("get_reservation_details", reservation_id=key)]
        is_open = any(fact.about == HINT and not fact.volunteered for fact in request.facts)
        seen = ids if is_open else ids[: ids.index(key) + 1]
        reads = [_read("get_reservation_details", reservation_id=other) for other in seen]
        return one, [_read("list_all_airports"), *reads]

    def _reads_of(self, request: Request, reservation: Reservation) -> Iterator[ToolCall]:
        facts, flights = request.facts, reservation["flights"]
        begun = [flight for flight in flights if flight["date"] <= TODAY]
        match request.kind:
            case "cancel":
                reason = reason_in(told_of(facts, "reservation_id"))
                on_time = [flight for flight in flights if flight not in begun]
                needed = not rules.may_cancel(reservation, reason, lambda number, day: "")
                yield from _statuses([*begun, *(on_time if needed else [])])
            case "compensate":
                yield from self._reads_for_certificate(request, reservation)
            case "question":
                if any(word in request.says[0] for word in ("status", "on time")):
                    yield from _statuses(flights[:1])
            case "change_cabin":
                yield from _statuses(begun)
                if request.want is not None:
                    yield from (_search(f["origin"], f["destination"], f["date"]) for f in flights)
            case "add_bags":
                yield from self._sums_of_bags(request, reservation)
            case "change_flights":
                yield from self._searches_for_change(reservation, facts)

    def _reads_for_certificate(
        self, request: Request, reservation: Reservation
    ) -> Iterator[ToolCall]:
        entitled = rules.may_be_compensated(self.view.user(self.user_id), reservation)
        if entitled and complaint_in(told_of(request.facts, "amount")):
            yield from _statuses(reservation["flights"])
        amount = request.want.arguments["amount"] if request.want else None
        if isinstance(amount, int):
            people = len(reservation["passengers"])
            yield _read("calculate", expression=f"{amount // people} * {people}")

    def _searches_for_change(
        self, reservation: Reservation, facts: Sequence[Fact]
    ) -> Iterator[ToolCall]:
        moved, wish = new_way(reservation, facts), wish_in(facts)
        if moved is not None and wish is not None and self._may_move(reservation, facts):
            yield from self._searches(moved[1], wish)

    def _may_move(self, reservation: Reservation, facts: Sequence[Fact]) -> bool:
        """Whether anything stands against other flights but what a search shows."""
        methods = list(self.view.user(self.user_id)["payment_methods"].values())
        named = named_methods(methods, told_of(facts, "payment_id"))
        return (
            reservation["cabin"] != "basic_economy"
            and not any(fact.about == ROUTE for fact in facts)
            and any(method["source"] != "certificate" for method in named)
        )

    def _searches_for_trip(self, facts: Sequence[Fact]) -> Iterator[ToolCall]:
        people = party_in(told_of(facts, "passengers"), self.view.user(self.user_id))
        wish = wish_in(facts)
        if people is not None and wish is not None:
            for way in new_trip(facts, len(people)):
                yield from self._searches(way, wish)

    def _sums_of_question(self, request: Request) -> Iterator[ToolCall]:
        """What is on all gift cards or certificates together."""
        methods = self.view.user(self.user_id)["payment_methods"].values()
        for source in ("gift_card", "certificate"):
            worth = [f"{m['amount']:g}" for m in methods if m["source"] == source]
            if source.replace("_", " ") in request.says[0] and len(worth) > 1:
                yield _read("calculate", expression=" + ".join(worth))

    def _sums_of_booking(self, request: Request) -> Iterator[ToolCall]:
        """How many bags are not free, and what the last method pays."""
        wish, wanted = wish_in(request.facts), request.want
        people = party_in(told_of(request.facts, "passengers"), self.view.user(self.user_id))
        ways = new_trip(request.facts, len(people)) if people else []
        if wish is None or people is None or wanted is None or not ways:
            return
        bags = str(wanted.arguments["total_baggages"])
        yield from self._paid_bags(bags, ways[0].cabin, len(people))
        journeys = [journey for way in ways for journey in fitting(self.view, way, wish)[:1]]
        prices = [flight["prices"][ways[0].cabin] for journey in journeys for flight in journey]
        yield _read("calculate", expression=sum_of(prices, len(people), wanted.arguments))

    def _sums_of_bags(self, request: Request, reservation: Reservation) -> Iterator[ToolCall]:
        """How many bags there are to be, and how many of them are not free."""
        if request.want is None or request.revision is not None:
            return
        told, now = told_of(request.facts, "total_baggages"), reservation["total_baggages"]
        more = more_bags_in(told)
        total = f"{now} + {more}" if more else f"{bags_in(told, now)}"
        yield from self._paid_bags(total, reservation["cabin"], len(reservation["passengers"]))
        if more:
            yield _read("calculate", expression=total)

    def _paid_bags(self, total: str, cabin: str, people: int) -> Iterator[ToolCall]:
        by_cabin = rules.FREE_BAGS[cabin]
        by_membership = rules.MORE_BAGS[self.view.user(self.user_id)["membership"]]
        if total != "0":
            free = f"{people} * ({by_cabin} + {by_membership})"
            yield _read("calculate", expression=f"{total} - {free}")

    def _searches(self, way: Way, wish: Wish) -> Iterator[ToolCall]:
        """The searches that show which journey a wish fits."""
        if wish.scope != "one stop":
            yield _search(way.origin, way.destination, way.day)
        found = fitting(self.view, way, wish)
        nonstop = bool(found) and len(found[0]) == 1
        if wish.scope in ("one stop", "any") or (wish.scope == "nonstop else" and not nonstop):
            yield _search(way.origin, way.destination, way.day, tool="search_onestop_flight")


def _search(
    origin: str, destination: str, day: str, *, tool: str = "search_direct_flight"
) -> ToolCall:
    return _read(tool, origin=origin, destination=destination, date=day)


def _statuses(flights: Sequence[Segment]) -> Iterator[ToolCall]:
    for flight in flights:
        yield _read("get_flight_status", flight_number=flight["flight_number"], date=flight["date"])
