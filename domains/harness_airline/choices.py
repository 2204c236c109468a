"""What a customer decides in a request (reason, cabin, bags, people): arguments and facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.types import Fact, Json
from harness_airline.people import as_json, as_passenger, birthday, passenger
from harness_airline.records import CABINS, Passenger, Reservation
from harness_airline.rules import MOST_PASSENGERS, REASONS, bags, free_bags, may_cancel
from harness_airline.targets import Customer
from harness_airline.wording import (
    CHANGES_OF_MIND,
    bag_sentences,
    cabin_sentences,
    more_bag_sentences,
    spoken_cabin,
    spoken_people,
    spoken_person,
)
from harness_taskkit.choices import Choice, FirstThought, changed, fact_of

_BAG_WORDS = "bag/baggage/luggage"
_PASSENGER_WORDS = "passenger/who/traveller/date of birth"
_CABIN_WORDS = "cabin/class"

REASON = "the reason for the cancellation"


def choose_reason(customer: Customer, reservation: Reservation, flaw: str) -> Choice | None:
    """Why a trip is cancelled; with the flaw "cancel" for no reason that allows it."""
    allowed = {reason: may_cancel(reservation, reason, customer.view.status) for reason in REASONS}
    cancelled = "cancelled" in customer.statuses(reservation)
    reasons = [
        reason
        for reason, may in allowed.items()
        if may is not (flaw == "cancel") and not (reason == "airline" and may and not cancelled)
    ]
    if not reasons:
        return None
    reason = customer.rng.choice(reasons)
    return Choice(
        arguments={},
        fact=fact_of(REASON, "reason/why", REASONS[reason], "reservation_id"),
        refusal="none of the conditions for a cancellation holds" if flaw == "cancel" else "",
    )


def choose_cabin(
    customer: Customer, cabins: Sequence[str], *, change_of_mind: bool
) -> Choice | None:
    """One of the cabins."""
    if len(cabins) < 1 + change_of_mind:
        return None
    cabin, *rest = customer.rng.sample(cabins, len(cabins))
    choice = Choice(
        arguments={"cabin": cabin},
        fact=fact_of(
            "which cabin you would like",
            _CABIN_WORDS,
            cabin_sentences(cabin),
            "cabin",
            right=(spoken_cabin(cabin),),
            wrong=tuple(spoken_cabin(other) for other in CABINS if other != cabin),
        ),
    )
    if not change_of_mind:
        return choice
    first = FirstThought(arguments={"cabin": rest[0]}, says=cabin_sentences(rest[0]))
    return changed(choice, first, CHANGES_OF_MIND)


def choose_more_bags(
    customer: Customer, reservation: Reservation, wanted: frozenset[str], flaw: str
) -> Choice | None:
    """Bags on top of those that are booked; with the flaw "bag_removal" fewer of them."""
    rng, now = customer.rng, reservation["total_baggages"]
    free = _free(customer, reservation)
    if flaw == "bag_removal":
        if now < 1:
            return None
        left = rng.randrange(now)
        return Choice(
            arguments=bags(left, free),
            fact=_bag_fact(bag_sentences(left)),
            refusal="checked bags can be added but not removed",
        )
    if reservation["nonfree_baggages"] != max(0, now - free):
        return None
    extra = {n: now + n > free for n in ((1, 2) if "change_of_mind" in wanted else (1, 2, 3))}
    more = [n for n in extra if customer.has("extra_bags", wanted, extra[n]) == extra[n]]
    if not more:
        return None
    count = rng.choice(more)
    on_top = customer.has("more_bags", wanted, True)
    says = [more_bag_sentences(n) if on_top else bag_sentences(now + n) for n in (count, count + 1)]
    features = frozenset(("extra_bags",) * extra[count] + ("more_bags",) * on_top)
    choice = Choice(arguments=bags(now + count, free), fact=_bag_fact(says[0]), features=features)
    if "change_of_mind" not in wanted:
        return choice
    first = FirstThought(arguments=bags(now + count + 1, free), says=says[1])
    return changed(choice, first, CHANGES_OF_MIND)


def choose_bags(customer: Customer, cabin: str, people: int, wanted: frozenset[str]) -> Choice:
    """How many bags a new reservation has."""
    free = free_bags(customer.user["membership"], cabin, people)
    extra = customer.has("extra_bags", wanted, customer.rng.random() < 0.1)
    total = free + customer.rng.randint(1, 2) if extra else customer.rng.randint(0, min(free, 4))
    return Choice(
        arguments=bags(total, free),
        fact=_bag_fact(bag_sentences(total)),
        features=frozenset({"extra_bags"} if extra else ()),
    )


def choose_passengers(
    customer: Customer, reservation: Reservation, flaw: str, *, change_of_mind: bool
) -> Choice | None:
    """Somebody else instead of a passenger, or a date of birth put right.

    With the flaw "passenger_count" somebody in addition, or one passenger fewer.
    """
    rng, people = customer.rng, reservation["passengers"]
    taken = tuple(one["first_name"] for one in people)
    if flaw == "passenger_count":
        return _other_count(customer, people, taken)
    place = rng.randrange(len(people))
    old, new = people[place], passenger(rng, taken)
    if rng.random() < 0.4:
        new = Passenger(**{**old, "dob": birthday(rng)})
    says = _instead_sentences(old, new)
    choice = Choice(
        arguments={"passengers": _replaced(people, place, new)},
        fact=_passenger_fact(says, (new["dob"],), (old["dob"],)),
    )
    if not change_of_mind:
        return choice
    other = Passenger(**{**new, "dob": birthday(rng)})
    first = FirstThought(
        arguments={"passengers": _replaced(people, place, other)},
        says=_instead_sentences(old, other),
    )
    choice = replace(choice, fact=replace(choice.fact, conflicts_with=()))
    return changed(choice, first, CHANGES_OF_MIND)


def choose_party(customer: Customer, count: int, flaw: str) -> Choice:
    """Who flies on a new reservation; with the flaw "party_size" more people than it takes."""
    user, rng = customer.user, customer.rng
    me = as_passenger(user)
    people = [me, *user["saved_passengers"]]
    if flaw == "party_size":
        count = MOST_PASSENGERS + rng.choice((1, 1, 2))
        says: tuple[str, ...] = (
            f"We are {count} people and all of us must be on one reservation.",
            f"It is for {count} passengers, all on the same reservation.",
        )
    while len(people) < count:
        people.append(passenger(rng, tuple(one["first_name"] for one in people)))
    people = people[:count]
    if count == 1:
        says = ("I travel alone.", "It is only for me.")
    elif flaw != "party_size":
        others = spoken_people(people[1:])
        says = (f"It is for me and {others}.", f"The passengers are me and {others}.")
    return Choice(
        arguments={"passengers": [as_json(one) for one in people]},
        fact=_passenger_fact(says, (), ()),
        features=frozenset({"several_passengers"} if count > 1 and not flaw else ()),
        refusal=f"a reservation has {MOST_PASSENGERS} passengers at most" if flaw else "",
    )


def choose_insurance(customer: Customer, wanted: frozenset[str]) -> Choice:
    """Whether a new reservation is insured."""
    yes = customer.has("insured", wanted, customer.rng.random() < 0.25)
    says = ("I want the travel insurance.", "Yes to the travel insurance.")
    return Choice(
        arguments={"insurance": "yes" if yes else "no"},
        fact=fact_of(
            "whether you would like travel insurance",
            "insurance",
            says if yes else ("I need no travel insurance.", "No travel insurance, please."),
            "insurance",
            right=(f"insurance {'yes' if yes else 'no'}",),
            wrong=(f"insurance {'no' if yes else 'yes'}",),
        ),
        features=frozenset({"insured"} if yes else ()),
    )


def _other_count(customer: Customer, people: Sequence[Passenger], taken: tuple[str, ...]) -> Choice:
    rng = customer.rng
    if len(people) > 1 and rng.random() < 0.5:
        gone = rng.choice(people[1:])
        named = f"{gone['first_name']} {gone['last_name']}"
        says = (f"Please remove {named} from it.", f"{named} does not come along any more.")
        left = [as_json(one) for one in people if one != gone]
    else:
        new = passenger(rng, taken)
        named = spoken_person(new)
        says = (
            f"Please add {named}, as one more passenger.",
            f"In addition, {named}, comes along.",
        )
        left = [as_json(one) for one in (*people, new)]
    return Choice(
        arguments={"passengers": [*left]},
        fact=_passenger_fact(says, (), ()),
        refusal="the number of passengers cannot be changed",
    )


def _instead_sentences(old: Passenger, new: Passenger) -> tuple[str, ...]:
    named = f"{old['first_name']} {old['last_name']}"
    if new["first_name"] == old["first_name"]:
        return (
            f"{named} was in fact born {new['dob']}.",
            f"The date of birth of {named} is wrong: {named} was born {new['dob']}.",
        )
    return (
        f"{spoken_person(new)}, flies instead of {named}.",
        f"Please put {spoken_person(new)}, in the place of {named}.",
    )


def _replaced(people: Sequence[Passenger], place: int, new: Passenger) -> list[Json]:
    return [as_json(new if n == place else one) for n, one in enumerate(people)]


def _passenger_fact(says: tuple[str, ...], right: tuple[str, ...], wrong: tuple[str, ...]) -> Fact:
    return fact_of(
        "who the passengers are", _PASSENGER_WORDS, says, "passengers", right=right, wrong=wrong
    )


def summed_up(choice: Choice) -> Choice:
    """The choice with a fact that is needed to work out numbers, too."""
    needed_for = (*choice.fact.needed_for, "expression")
    return replace(choice, fact=replace(choice.fact, needed_for=needed_for))


def _free(customer: Customer, reservation: Reservation) -> int:
    people = len(reservation["passengers"])
    return free_bags(customer.user["membership"], reservation["cabin"], people)


def _bag_fact(says: tuple[str, ...]) -> Fact:
    return fact_of("how many checked bags you need", _BAG_WORDS, says, "total_baggages")
