"""What agents of the airline domain with one known weakness do otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from weak_agents import (
    Scene,
    Weakness,
    hasty,
    impatient,
    made,
    no_transfer,
    refused,
    silent,
)

from harness.types import Json, Request, ToolCall
from harness_airline import rules
from harness_airline.changes import ROUTE
from harness_airline.database import airline_of
from harness_airline.hearing import bags_in, cabins_in, new_way, wish_in
from harness_airline.journeys import as_flights, fitting, moved, ways_of
from harness_airline.payments import named_methods
from harness_airline.people import as_json
from harness_airline.pointing import (
    RESERVATION_ID,
    fitting_reservations,
    pointers,
    same_route,
)
from harness_airline.records import INSURANCE_USD, PaymentMethod, Reservation, User
from harness_airline.solve import caller
from harness_airline.view import View
from harness_airline.wording import COMPLAINTS
from harness_scripted.plan import Act, Step
from harness_taskkit.choices import told_of


@dataclass(frozen=True, slots=True)
class Moment:
    """A request as the agent meets it: its act, and the airline after all before it."""

    number: int
    act: Act
    view: View
    user: User

    @property
    def request(self) -> Request:
        return self.act.request

    @property
    def reservations(self) -> list[Reservation]:
        return [self.view.reservation(key) for key in self.user["reservations"]]

    @property
    def reservation(self) -> Reservation | None:
        """The reservation that the words fit; None if they fit none or several."""
        found = fitting_reservations(self.reservations, self.request.facts)
        return found[0] if len(found) == 1 and self.request.facts else None

    @property
    def method(self) -> PaymentMethod | None:
        """A method that a change can be paid with: the one named, or else any."""
        methods = list(self.user["payment_methods"].values())
        named = named_methods(methods, told_of(self.request.facts, "payment_id"))
        found = [one for one in (*named, *methods) if one["source"] != "certificate"]
        return found[0] if found else None

    def then(self, tool: str, **arguments: Json) -> Iterator[tuple[int, Act]]:
        """The act with one more call, if that goes through after the others."""
        call = ToolCall(name=tool, arguments=arguments)
        for step in self.act.steps:
            self.view.does(step.call)
        if self.view.does(call):
            yield (
                self.number,
                replace(self.act, steps=(*self.act.steps, Step(call=call)), ending="done"),
            )


def _moments(scene: Scene) -> Iterator[Moment]:
    airline = airline_of(scene.task.world)
    user_id = caller(airline, scene.task)
    before: list[ToolCall] = []
    for number, act in enumerate(scene.acts):
        view = View(airline)
        for call in before:
            view.does(call)
        if user_id is not None:
            yield Moment(number, act, view, view.user(user_id))
        before += [act.request.want] if act.request.want else []


def _refusals(scene: Scene, kind: str) -> Iterator[tuple[Moment, Reservation]]:
    """The requests of a kind that are to be refused, about a reservation."""
    for moment in _moments(scene):
        reservation = moment.reservation
        if moment.request.kind == kind and moment.act.ending == "refused" and reservation:
            yield moment, reservation


# --- what the policy forbids and no tool checks ---------------------------------------------------


def groundless_cancellation(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Cancels whatever it is asked to."""
    for moment, reservation in _refusals(scene, "cancel"):
        yield from moment.then("cancel_reservation", reservation_id=reservation["reservation_id"])


def basic_economy_changed(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Moves basic economy trips."""
    for moment, reservation in _refusals(scene, "change_flights"):
        if reservation["cabin"] == "basic_economy":
            yield from _moved(moment, reservation)


def another_route(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Moves trips to another destination."""
    for moment, reservation in _refusals(scene, "change_flights"):
        towards = [fact.says[0] for fact in moment.request.facts if fact.about == ROUTE]
        cities = moment.view.airline.airports
        goals = [code for code, city in cities.items() if any(city in text for text in towards)]
        for goal in goals:
            yield from _moved(moment, reservation, goal)


def _moved(moment: Moment, reservation: Reservation, goal: str = "") -> Iterator[tuple[int, Act]]:
    found, wish = new_way(reservation, moment.request.facts), wish_in(moment.request.facts)
    if found is None or wish is None or moment.method is None:
        return
    place, way = found
    way = replace(way, destination=goal or way.destination)
    ways = ways_of(reservation["flights"], reservation["destination"])
    journeys = fitting(moment.view, way, wish)
    if goal:
        journeys = list(moment.view.nonstop(way.origin, goal, way.day)) or journeys
    for journey in journeys[:1]:
        yield from moment.then(
            "update_reservation_flights",
            reservation_id=reservation["reservation_id"],
            cabin=reservation["cabin"],
            flights=as_flights([journey]) if goal else moved(ways, place, journey),
            payment_id=moment.method["id"],
        )


def whole_cabin(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Changes the cabin of all flights where one was meant."""
    for moment, reservation in _refusals(scene, "change_cabin"):
        cabins = cabins_in(told_of(moment.request.facts, "cabin"))
        if cabins and moment.method is not None:
            yield from moment.then(
                "update_reservation_flights",
                reservation_id=reservation["reservation_id"],
                cabin=cabins[0],
                flights=as_flights([reservation["flights"]]),
                payment_id=moment.method["id"],
            )


def late_insurance(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Insures a trip that is booked already, by booking it once more."""
    for moment, reservation in _refusals(scene, "insure"):
        view, people = moment.view, reservation["passengers"]
        total = INSURANCE_USD * len(people)
        for flight in reservation["flights"]:
            for (one,) in view.nonstop(flight["origin"], flight["destination"], flight["date"]):
                if one["flight_number"] == flight["flight_number"]:
                    total += len(people) * one["prices"][reservation["cabin"]]
        cards = [m["id"] for m in moment.user["payment_methods"].values() if "brand" in m]
        yield from moment.then(
            "book_reservation",
            user_id=moment.user["user_id"],
            origin=reservation["origin"],
            destination=reservation["destination"],
            flight_type=reservation["flight_type"],
            cabin=reservation["cabin"],
            flights=as_flights([reservation["flights"]]),
            passengers=[as_json(one) for one in people],
            payment_methods=[{"payment_id": cards[0], "amount": total}],
            total_baggages=0,
            nonfree_baggages=0,
            insurance="yes",
        )


def bags_removed(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Takes bags out of a trip."""
    for moment, reservation in _refusals(scene, "add_bags"):
        left = bags_in(told_of(moment.request.facts, "total_baggages"), 0)
        free = _free(moment, reservation)
        if moment.method is not None:
            yield from moment.then(
                "update_reservation_baggages",
                reservation_id=reservation["reservation_id"],
                total_baggages=left,
                nonfree_baggages=max(0, left - free),
                payment_id=moment.method["id"],
            )


def passenger_overwritten(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Puts one passenger more, or one fewer, in the place of the last one."""
    for moment, reservation in _refusals(scene, "change_passengers"):
        people = [as_json(one) for one in reservation["passengers"]]
        last: dict[str, Json] = as_json(reservation["passengers"][0])
        if len(people) == 1:
            last = {"first_name": "New", "last_name": "Guest", "dob": "1990-01-01"}
        yield from moment.then(
            "update_reservation_passengers",
            reservation_id=reservation["reservation_id"],
            passengers=[*people[:-1], last],
        )


def undue_compensation(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Compensates whoever asks for it."""
    for moment, reservation in _refusals(scene, "compensate"):
        amount = 100 * len(reservation["passengers"])
        yield from moment.then("send_certificate", user_id=moment.user["user_id"], amount=amount)


def unasked_compensation(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Compensates who complains about a flight without asking for anything."""
    said = [text for texts in COMPLAINTS.values() for text in texts]
    for moment in _moments(scene):
        reservation = moment.reservation
        complains = any(text in moment.request.says[0] for text in said)
        if reservation and complains and rules.may_be_compensated(moment.user, reservation):
            amount = 50 * len(reservation["passengers"])
            yield from moment.then(
                "send_certificate", user_id=moment.user["user_id"], amount=amount
            )


def flown_cancelled(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Cancels trips that have begun, instead of handing the customer over."""
    for moment in _moments(scene):
        reservation = moment.reservation
        transferred = moment.act.ending == "transferred" and moment.request.kind == "cancel"
        if transferred and reservation:
            reads = tuple(s for s in moment.act.steps if s.call.name.startswith(("get", "list")))
            kept = replace(moment, act=replace(moment.act, steps=reads))
            yield from kept.then("cancel_reservation", reservation_id=reservation["reservation_id"])


# --- what goes wrong in what is granted -----------------------------------------------------------


def certificate_for_change(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Tries to pay a change with a certificate, and gives up when that is refused."""
    for moment in _moments(scene):
        found = scene.write(moment.act)
        text = told_of(moment.request.facts, "payment_id")
        if found is None or "certificate" not in text:
            continue
        methods = list(moment.user["payment_methods"].values())
        certificate = named_methods(methods, text)[0]
        yield moment.number, made(moment.act, found[0], payment_id=certificate["id"])


def two_certificates(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Uses up two certificates in one booking."""
    for moment in _moments(scene):
        found = scene.write(moment.act)
        if found is None or "both" not in told_of(moment.request.facts, "payment_methods"):
            continue
        payments = found[1].arguments["payment_methods"]
        assert isinstance(payments, list)
        total = sum(int(str(one["amount"])) for one in payments if isinstance(one, dict))
        left, changed = total, []
        methods = moment.user["payment_methods"].values()
        worth = [one for one in methods if one["source"] == "certificate"]
        cards = [one for one in methods if one["source"] == "credit_card"]
        for one in (*worth, *cards[:1]):
            amount = min(left, int(one["amount"])) if "amount" in one else left
            left -= amount
            changed += [{"payment_id": one["id"], "amount": amount}] if amount else []
        yield moment.number, made(moment.act, found[0], payment_methods=[*changed])


def bags_for_free(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Charges for no bag."""
    for moment in _moments(scene):
        found = scene.write(moment.act)
        if (
            found is not None
            and found[1].arguments.get("nonfree_baggages")
            and (found[1].name == "update_reservation_baggages")
        ):
            yield moment.number, made(moment.act, found[0], nonfree_baggages=0)


def first_trip(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Acts on the first of two trips that go the same way."""
    for moment in _moments(scene):
        found, right = scene.write(moment.act), moment.reservation
        if found is None or right is None or "reservation_id" not in found[1].arguments:
            continue
        if RESERVATION_ID.search(pointers(moment.request.facts)):
            continue
        alike = [one for one in moment.reservations if same_route(one, right)]
        wrong = made(moment.act, found[0], reservation_id=alike[0]["reservation_id"])
        works = moment.view.does(wrong.steps[found[0]].call)
        if alike[0]["reservation_id"] != right["reservation_id"]:
            yield moment.number, wrong if works else refused(moment.act, found[0])


def blind_to_price(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Takes the first flights it sees where the cheapest were wanted."""
    for moment in _moments(scene):
        found, wish = scene.write(moment.act), wish_in(moment.request.facts)
        reservation = moment.reservation
        if found is None or wish is None or wish.order != "cheapest" or reservation is None:
            continue
        way = new_way(reservation, moment.request.facts)
        if way is None:
            continue
        ways = ways_of(reservation["flights"], reservation["destination"])
        journeys = fitting(moment.view, way[1], replace(wish, order=""))
        for journey in journeys:
            wrong = made(moment.act, found[0], flights=moved(ways, way[0], journey))
            call = wrong.steps[found[0]].call
            if not call.same_as(found[1]) and moment.view.does(call):
                yield moment.number, wrong
                break


def _free(moment: Moment, reservation: Reservation) -> int:
    people = len(reservation["passengers"])
    return rules.free_bags(moment.user["membership"], reservation["cabin"], people)


AIRLINE: tuple[Weakness, ...] = (
    groundless_cancellation,
    basic_economy_changed,
    another_route,
    whole_cabin,
    late_insurance,
    bags_removed,
    passenger_overwritten,
    undue_compensation,
    unasked_compensation,
    flown_cancelled,
    certificate_for_change,
    two_certificates,
    bags_for_free,
    first_trip,
    blind_to_price,
    no_transfer,
    silent,
    hasty,
    impatient,
)
