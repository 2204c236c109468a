"""Make one request of a customer: what it wants, how it says so, what it tells when asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.types import Fact, Json
from harness_airline import rules
from harness_airline.bookings import draft_booking
from harness_airline.changes import Change, choose_cabin_change, choose_flights
from harness_airline.choices import choose_more_bags, choose_passengers, choose_reason, summed_up
from harness_airline.complaints import choose_complaint
from harness_airline.features import SUPPORTS
from harness_airline.journeys import as_flights
from harness_airline.operations import OPERATIONS, Flaw
from harness_airline.payments import choose_payment
from harness_airline.records import BAG_USD, Reservation
from harness_airline.targets import Customer, Target, find_target, phrases, subject_facts
from harness_airline.wording import AMOUNT_QUESTIONS, COMPLAINTS, LEADS, PRESSURE
from harness_taskkit.choices import Choice
from harness_taskkit.drafts import Draft, Drafter
from harness_taskkit.wording import amount_text

Known = dict[str, Json]
_OF_RECORDS = frozenset({"several_flights", "several_passengers"})
AGAIN = ("change_cabin",)
"""After these another change to the same reservation may follow."""


@dataclass(slots=True)
class Parts:
    """What a request is made of: choices, arguments besides them, and the amount that it moves."""

    choices: list[Choice | None]
    known: Known = field(default_factory=dict)
    amount: int = 0
    refusal: str = ""


def draft_request(
    customer: Customer, kind: str, wanted: frozenset[str], *, flaw: Flaw = ""
) -> Draft | None:
    """A request of a kind with all wanted features; None if there is none for this customer.

    With a flaw it is a request that must be refused. The call of a granted one is made in the
    customer's view.
    """
    if kind == "book":
        return done(customer, draft_booking(customer, wanted, flaw), wanted)
    target = find_target(
        customer,
        lambda reservation: _fits(customer, reservation, kind, wanted, flaw),
        two="two_reservations" in wanted,
        again="same_reservation" in wanted,
    )
    if target is None:
        return None
    parts = _parts(customer, kind, target, wanted, flaw)
    choices = [choice for choice in parts.choices if choice is not None]
    if len(choices) < len(parts.choices):
        return None
    drafter = Drafter(rng=customer.rng, choices=choices, flaw=flaw)
    draft = done(customer, _Request(customer, kind, target, drafter, parts).draft(wanted), wanted)
    if draft is not None:
        _remember(customer, kind, target, flaw)
    return draft


def done(customer: Customer, draft: Draft | None, wanted: frozenset[str]) -> Draft | None:
    """The draft if it has all wanted features and its call goes through, which is made."""
    if draft is None or not wanted <= draft.features:
        return None
    return draft if draft.gold is None or customer.view.does(draft.gold) else None


def _brought(kind: str, reservation: Reservation) -> set[str]:
    """The features that a request of the kind has because of the reservation."""
    several = {
        "several_flights": len(reservation["flights"]) > 1,
        "several_passengers": len(reservation["passengers"]) > 1,
    }
    return {name for name, has in several.items() if has and kind in SUPPORTS[name]}


def _remember(customer: Customer, kind: str, target: Target, flaw: Flaw) -> None:
    """A reservation is for one request, but for the changes after which another may follow."""
    customer.open.discard(target.id)
    if not flaw and (kind in AGAIN or (kind == "cancel" and customer.complains)):
        customer.open.add(target.id)
    customer.used.add(target.id)
    if not flaw:
        customer.changed.add(target.id)


def _fits(
    customer: Customer, reservation: Reservation, kind: str, wanted: frozenset[str], flaw: Flaw
) -> bool:
    """Whether a reservation can have such a request at all."""
    brought = _brought(kind, reservation)
    if not flaw and (brought & customer.avoided or (wanted & _OF_RECORDS) - brought):
        return False
    if kind == "compensate":
        return True
    if reservation["status"] == "cancelled":
        return False
    found = customer.statuses(reservation)
    entitled = rules.may_be_compensated(customer.user, reservation)
    if "complaint" in wanted and not (entitled and COMPLAINTS.keys() & {*found}):
        return False
    is_late = entitled and "delayed" in found and "cancelled" not in found
    if kind == "cancel" and customer.complains and not is_late:
        return False
    if rules.is_flown(reservation, customer.view.status):
        return flaw == "cabin"
    can_move = reservation["cabin"] != "basic_economy"
    by_flaw = {
        "cabin": False,
        "basic_economy": not can_move,
        "one_cabin": len(found) > 1,
        "insurance": reservation["insurance"] == "no",
    }
    return by_flaw.get(flaw, kind != "change_flights" or can_move)


# --- what belongs to each kind --------------------------------------------------------------------


def _changed(
    customer: Customer,
    change: Change | None,
    known: dict[str, Json],
    wanted: frozenset[str],
    flaw: Flaw,
) -> Parts:
    """Another set of flights, or another cabin, and who pays for it."""
    if change is None:
        return Parts([None])
    revised = any(choice.first for choice in change.choices)
    rest = wanted - {"change_of_mind"} if revised else wanted
    payment = choose_payment(customer, change.due, rest, flaw)
    return Parts([*change.choices, payment], known, change.due, refusal=change.refusal)


def _add_bags(customer: Customer, target: Target, wanted: frozenset[str], flaw: Flaw) -> Parts:
    bags = choose_more_bags(customer, target.reservation, wanted, flaw)
    if bags is None or flaw:
        return Parts([bags])
    paid = bags.arguments["nonfree_baggages"]
    assert isinstance(paid, int)
    due = BAG_USD * (paid - target.reservation["nonfree_baggages"])
    payment = choose_payment(customer, due, wanted - {"change_of_mind"}, flaw)
    return Parts([summed_up(bags), summed_up(payment) if payment else None])


def _parts(
    customer: Customer, kind: str, target: Target, wanted: frozenset[str], flaw: Flaw
) -> Parts:
    reservation, revise = target.reservation, "change_of_mind" in wanted
    match kind:
        case "cancel":
            paid = sum(payment["amount"] for payment in reservation["payment_history"])
            return Parts([choose_reason(customer, reservation, flaw)], amount=paid)
        case "change_flights":
            change = choose_flights(customer, reservation, wanted, flaw)
            return _changed(customer, change, {"cabin": reservation["cabin"]}, wanted, flaw)
        case "change_cabin":
            change = choose_cabin_change(customer, reservation, wanted, flaw)
            kept = as_flights([reservation["flights"]])
            return _changed(customer, change, {"flights": kept}, wanted, flaw)
        case "add_bags":
            return _add_bags(customer, target, wanted, flaw)
        case "change_passengers":
            return Parts([choose_passengers(customer, reservation, flaw, change_of_mind=revise)])
        case "compensate":
            return Parts([choose_complaint(customer, reservation, flaw)])
    return Parts([], refusal="insurance can only be bought when a trip is booked")


@dataclass(frozen=True, slots=True)
class _Request:
    customer: Customer
    kind: str
    target: Target
    drafter: Drafter
    parts: Parts

    def draft(self, wanted: frozenset[str]) -> Draft:
        """The request; with ``withheld`` its opening leaves at least one fact out, if it can."""
        drafter, flaw = self.drafter, self.drafter.flaw
        subject = subject_facts(self.target, self.customer.reservations)
        hints = subject[1:]
        facts = [*subject, *(choice.fact for choice in drafter.choices)]
        told = drafter.told(
            facts, self._ways_to_withhold(subject), hints=hints, withhold="withheld" in wanted
        )
        answer = amount_text(abs(self.parts.amount)) if "amount" in wanted and not flaw else ""
        asides = self._asides(wanted)
        named = phrases(self.target, told)
        says = drafter.openings(
            [lead.format(phrase) for lead in LEADS[self.kind] for phrase in named],
            told,
            hint=self.target.hint,
            question=AMOUNT_QUESTIONS[self.kind] if answer else (),
        )
        if asides:
            says = [f"{text} {self.customer.rng.choice(asides)}" for text in says]
        known: Known = {
            "user_id": self.customer.user_id,
            "reservation_id": self.target.id,
            **self.parts.known,
        }
        return drafter.draft(
            self.kind,
            OPERATIONS[self.kind],
            known,
            says,
            facts,
            told,
            refusal=self.parts.refusal,
            answer=answer,
            features=self._features(wanted),
        )

    def _asides(self, wanted: frozenset[str]) -> tuple[str, ...]:
        """What the customer says besides, which is to change nothing."""
        if "pressure" in wanted and self.drafter.flaw:
            return PRESSURE
        if "complaint" not in wanted:
            return ()
        found = self.customer.statuses(self.target.reservation)
        return COMPLAINTS["cancelled" if "cancelled" in found else "delayed"]

    def _ways_to_withhold(self, subject: Sequence[Fact]) -> list[list[Fact]]:
        """Groups of facts each of which the opening can leave out as a whole."""
        if self.drafter.flaw:
            return []
        free = [[choice.fact] for choice in self.drafter.choices if choice.first is None]
        return [list(subject), *free]

    def _features(self, wanted: frozenset[str]) -> set[str]:
        flawed = bool(self.drafter.flaw)
        named = {
            "two_reservations": bool(self.target.hint),
            "same_reservation": self.target.id in self.customer.open,
            "pressure": "pressure" in wanted and flawed,
            "complaint": "complaint" in wanted,
        }
        brought = set() if flawed else _brought(self.kind, self.target.reservation)
        return brought | {name for name, has in named.items() if has}
