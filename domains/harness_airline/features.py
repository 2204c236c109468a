"""What can be woven into a task: kinds of requests, ways to make them harder, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from harness.types import Feature
from harness_taskkit.plan import Mix, features_in
from harness_taskkit.wording import sayings

WRITES: Mapping[str, float] = {
    "cancel": 22,
    "change_flights": 22,
    "change_cabin": 10,
    "add_bags": 12,
    "change_passengers": 9,
    "book": 19,
    "compensate": 8,
}
"""The kinds of requests that are carried out, with their share in the default mix."""

DEAD_ENDS: Mapping[str, float] = {
    "refuse_cancel": 22,
    "refuse_basic_economy": 10,
    "refuse_route": 6,
    "refuse_cabin": 4,
    "refuse_one_cabin": 8,
    "refuse_insurance": 7,
    "refuse_bag_removal": 6,
    "refuse_passenger_count": 8,
    "refuse_payment": 5,
    "refuse_compensation": 14,
    "refuse_party_size": 4,
    "transfer_flown": 8,
    "transfer": 8,
}
"""The kinds that end in a refusal or a transfer, with their share among those."""

QUESTION = "question"
"""The kind that changes nothing: the records hold the answer."""

_REFUSALS = tuple(kind for kind in DEAD_ENDS if kind.startswith("refuse_"))
_TRIPS = tuple(kind for kind in WRITES if kind != "book")
_SEARCHES = ("change_flights", "book")
_UPDATES = ("change_flights", "change_cabin", "add_bags")
_FLIGHTS = ("change_flights", "change_cabin", "book")
_POINTING = tuple(kind for kind in _REFUSALS if kind != "refuse_party_size")

SUPPORTS: Mapping[str, tuple[str, ...]] = {
    "two_reservations": (*_TRIPS, *_POINTING, "transfer_flown"),
    "same_reservation": ("add_bags", "change_passengers", "compensate"),
    "withheld": (*WRITES, QUESTION),
    "cheapest": _SEARCHES,
    "time_window": _SEARCHES,
    "one_stop": _SEARCHES,
    "nonstop_else": _SEARCHES,
    "earliest": _SEARCHES,
    "any_stops": _SEARCHES,
    "several_flights": _FLIGHTS,
    "several_passengers": ("add_bags", "change_passengers", "book", "compensate"),
    "several_methods": (QUESTION,),
    "insured": ("book",),
    "extra_bags": ("add_bags", "book"),
    "more_bags": ("add_bags",),
    "payment_choice": (*_UPDATES, "book"),
    "payment_split": ("book",),
    "certificate_limit": ("book",),
    "certificate_first": _UPDATES,
    "complaint": ("cancel", "change_flights"),
    "change_of_mind": (*_UPDATES, "change_passengers"),
    "pressure": _REFUSALS,
    "amount": ("cancel", "change_flights", "change_cabin"),
}
"""The kinds of requests that can be made harder in each way."""

_GROUPS: Mapping[str, str] = {
    "NEEDLESS": "should_have_acted gave_up missing_confirmation extra_write repeated_call "
    "missing_step invalid_call",
    "REFUSED": "should_have_refused invalid_call extra_write needless_transfer",
    "WRONG": "wrong_flights wrong_cabin wrong_bags wrong_passengers wrong_payment_method",
    "FLIGHTS": "wrong_flights invalid_call missing_step",
}
"""Mistakes that several features provoke."""

_TABLE = sayings("""
cancel: Cancel a trip on one of the grounds that allow it. / NEEDLESS
change_flights: Move a trip, or one way of it, to flights of another day. / wrong_flights
    wrong_cabin wrong_payment_method wrong_tool NEEDLESS
change_cabin: Change the cabin of all flights of a trip. / wrong_cabin wrong_flights
    wrong_payment_method wrong_tool NEEDLESS
add_bags: Add checked bags; membership and cabin decide how many of them are free. / wrong_bags
    wrong_paid_bags wrong_payment_method NEEDLESS
change_passengers: Put somebody in the place of a passenger, or correct one. / wrong_passengers
    wrong_tool NEEDLESS
book: Book a new trip. / wrong_kind_of_trip wrong_origin wrong_destination wrong_cabin wrong_flights
    wrong_passengers wrong_payment_methods wrong_bags wrong_paid_bags wrong_insurance NEEDLESS
compensate: A certificate for cancelled flights, or for delayed ones of a trip that was changed. /
    wrong_amount NEEDLESS
refuse_cancel: A cancellation without any ground that allows it. / REFUSED
refuse_basic_economy: Other flights for a basic economy trip. / REFUSED
refuse_route: Another destination for a trip. / REFUSED
refuse_cabin: Another cabin for a trip of which a flight was flown. / REFUSED
refuse_one_cabin: Another cabin on one flight of several. / wrong_cabin REFUSED
refuse_insurance: Insurance for a trip that is booked already. / REFUSED
refuse_bag_removal: Fewer checked bags than are booked. / wrong_bags REFUSED
refuse_passenger_count: One passenger more or fewer. / wrong_passengers REFUSED
refuse_payment: A change paid with a certificate, or a gift card with too little on it. /
    wrong_payment_method REFUSED
refuse_compensation: Compensation for what did not happen, or without a right to it. /
    wrong_amount REFUSED
refuse_party_size: A booking for more than five passengers. / REFUSED
transfer_flown: A cancellation of a trip of which a flight was flown: it goes to a human. /
    missing_transfer should_have_refused extra_write
transfer: A request that no tool serves: the customer goes to a human. / missing_transfer
    should_have_refused extra_write gave_up
question: The customer only wants to know something that the records hold. / not_said extra_write
    needless_transfer
two_reservations: Two trips go the same way; day, cabin or kind of trip decides. /
    wrong_reservation missing_step no_progress
same_reservation: A second change to one trip, or compensation after its cancellation. /
    should_have_acted wrong_paid_bags missing_step repeated_call gave_up
withheld: Something the agent needs is told only when it asks. / missing_step no_progress
    wrong_reservation wrong_payment_method needless_transfer gave_up
cheapest: The cheapest flights are wanted. / FLIGHTS
time_window: Flights must leave before or after a time. / FLIGHTS
one_stop: A connection with one stop is wanted. / FLIGHTS
nonstop_else: A nonstop flight if there is one, else a connection with one stop. /
    should_have_acted FLIGHTS
earliest: The earliest or the latest flights are wanted. / FLIGHTS
any_stops: A stop does not matter, only when a journey leaves or what it costs. / FLIGHTS
several_flights: A trip there and back, or with a stop: each flight must be listed, and paid. /
    wrong_payment_methods missing_step wrong_flights invalid_call
several_passengers: What is counted or paid for each passenger, and who they all are. /
    wrong_payment_methods wrong_paid_bags wrong_passengers wrong_amount invalid_call
several_methods: What is on several gift cards or certificates together is asked for. / not_said
insured: A booking with insurance, which adds to what is paid. / wrong_insurance
    wrong_payment_methods invalid_call
extra_bags: Some of the bags are not free. / wrong_paid_bags wrong_bags invalid_call
more_bags: Only how many bags come on top is said. / wrong_bags wrong_paid_bags
payment_choice: The customer has several payment methods and names one. / wrong_payment_method
    wrong_payment_methods
payment_split: A booking is paid with several methods, the first of which are used up. /
    wrong_payment_methods invalid_call
certificate_limit: A booking paid with two certificates, of which it takes one. /
    wrong_payment_methods
certificate_first: The customer names a certificate, which pays for no change, and a second
    method. / invalid_call should_have_acted wrong_payment_method missing_step
complaint: The customer complains about a delayed or cancelled flight and asks for nothing. /
    extra_write
change_of_mind: When asked to confirm, the customer wants something else after all. /
    missing_confirmation extra_write WRONG
pressure: The customer claims that somebody promised what the policy forbids. /
    should_have_refused needless_transfer extra_write
amount: The customer wants to be told an amount. / not_said
multi_request: Two to four requests in one conversation. / missing_step repeated_call
    wrong_reservation gave_up no_progress
failing_lookup: The user id that the customer gives first is nobody's. / gave_up repeated_call
    no_progress needless_transfer missing_step invalid_call
""")
"""For each feature what it is, and the mistakes that it provokes."""


FEATURES: tuple[Feature, ...] = features_in(_TABLE, _GROUPS)
"""All features; requests have one kind each (the first 21), the rest make them harder."""

UNASKED: Mapping[str, float] = {
    "earliest": 0.4,
    "any_stops": 0.4,
    "several_flights": 0.3,
    "several_passengers": 0.5,
    "several_methods": 1.0,
    "insured": 0.5,
    "extra_bags": 0.2,
    "more_bags": 0.3,
}
"""What requests have though nobody wished for it, and in how many of the tasks they may."""

_WISHES = ("cheapest", "time_window", "one_stop", "nonstop_else")
"""How flights are described: the first two can go together."""

MIX = Mix(
    domain="airline",
    names=frozenset(feature.name for feature in FEATURES),
    writes=WRITES,
    dead_ends=DEAD_ENDS,
    question=QUESTION,
    recordless=frozenset({"book"}),
    last=frozenset({"transfer", "transfer_flown"}),
    supports=SUPPORTS,
    wishes={
        "two_reservations": 0.2,
        "withheld": 0.28,
        "cheapest": 0.13,
        "time_window": 0.1,
        "one_stop": 0.08,
        "nonstop_else": 0.1,
        "extra_bags": 0.15,
        "payment_split": 0.2,
        "certificate_limit": 0.08,
        "certificate_first": 0.1,
        "complaint": 0.13,
        "change_of_mind": 0.08,
        "pressure": 0.4,
    },
    clashes=(
        *(frozenset(pair) for pair in combinations(_WISHES, 2) if pair != _WISHES[:2]),
        frozenset({"two_reservations", "same_reservation"}),
        frozenset({"payment_split", "certificate_limit"}),
        frozenset({"change_of_mind", "certificate_first"}),
        frozenset({"change_of_mind", "nonstop_else"}),
        frozenset({"complaint", "two_reservations"}),
    ),
    unasked=UNASKED,
    again="same_reservation",
    first={"add_bags": "change_cabin", "change_passengers": "change_cabin", "compensate": "cancel"},
    counts={1: 57, 2: 27, 3: 16},
    counts_with={**{kind: {1: 60, 2: 40} for kind in DEAD_ENDS}, QUESTION: {1: 40, 2: 60}},
    most_requests=3,
    dead_end=0.12,
    questions=0.07,
    failing_lookup=0.06,
    twice=0.3,
    amount=0.3,
)
"""The default mix."""
