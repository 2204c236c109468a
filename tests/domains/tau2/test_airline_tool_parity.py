"""Our airline tools with all switches as in tau2 answer and act as the official ones do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st

from harness.types import Json, Tool, ToolCall
from harness_airline.compat import TAU2, Compat
from harness_airline.records import CABINS, Flight, Reservation, User
from harness_airline.state import Airline
from harness_airline.tools import TOOLS

from .official import (
    AIRLINE,
    environment,
    needs_tau2,
    official_answer,
    official_hash,
    our_state_hash,
)
from .parity import CALLS, ODD, assert_alike, compare, expressions, spoilt

pytestmark = [
    needs_tau2,
    pytest.mark.filterwarnings("ignore::SyntaxWarning"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
]

WRITES = tuple(tool for tool in TOOLS if tool.kind == "write")
PAID = tuple(tool for tool in WRITES if {"payment_id", "payment_methods"} & tool.nouns.keys())

DAY = {"flight_number": "HAT001", "date": "2024-05-20"}
PERSON = {"first_name": "Ada", "last_name": "Reed", "dob": "1990-01-01"}
PAYMENT = {"payment_id": "gift_card_0000000", "amount": 5}
ODDER: tuple[Any, ...] = (
    *ODD, 2.0, 0.5, 0.01, "2", "2.5", 10**20, float("inf"), [DAY], [DAY, "x"], ["x", DAY], DAY,
    [{"flight_number": "HAT001"}], [{**DAY, "date": 5}], [{**DAY, "price": 7}], [PERSON],
    [PERSON] * 2, [{**PERSON, "dob": None}], [{"dob": "", **PERSON, "seat": 1}], ["ab"], "ab",
    [PAYMENT], [PAYMENT, 7], [{**PAYMENT, "amount": "5"}], [{**PAYMENT, "amount": 5.5}],
    [{**PAYMENT, "amount": True}], "economy", "yes",
)  # fmt: skip
"""Values of types that the schemas do not allow, or not everywhere."""


@cache
def airline() -> Airline:
    found: Airline = AIRLINE.database
    return found


@cache
def callers() -> list[User]:
    """Customers with several reservations."""
    return [user for user in airline().users.values() if len(user["reservations"]) > 1]


@cache
def bookable() -> list[tuple[Flight, str]]:
    return [
        (flight, date)
        for flight in airline().flights.values()
        for date, on_date in flight["dates"].items()
        if on_date["status"] == "available"
    ]


# --- what is called ------------------------------------------------------------------------------


@st.composite
def conversations(draw: Callable[..., Any]) -> list[ToolCall]:
    """Calls about the reservations of one customer, so that they meet what earlier ones left."""
    rng = draw(st.randoms(use_true_random=True))
    user = rng.choice(callers())
    return [make_call(rng, user, draw) for _ in range(CALLS)]


def make_call(rng: Random, user: User, draw: Callable[..., Any]) -> ToolCall:
    tool = rng.choice((*TOOLS, *WRITES, *PAID, *PAID))
    given = arguments(rng, tool, user)
    if tool.name == "calculate":
        given["expression"] = draw(expressions())
    return spoilt(rng, tool, given, ODDER)


def arguments(rng: Random, tool: Tool, user: User) -> dict[str, Any]:
    """Arguments that go through more often than not."""
    keys = [*user["reservations"], *(["HATHAT"] if rng.random() < 0.2 else [])]
    key = rng.choice(keys[:2] if rng.random() < 0.8 else keys)
    reservation = airline().reservations.get(key) or airline().reservations[keys[0]]
    flight, date = rng.choice(bookable())
    if tool.name == "book_reservation":
        return booking(rng, user)
    cabin = rng.choice([reservation["cabin"], *CABINS])
    bags = reservation["nonfree_baggages"]
    methods = list(user["payment_methods"])
    late = [f for f in airline().flights.values() if "+1" in f["scheduled_arrival_time_est"]]
    start = rng.choice([flight["origin"], rng.choice(late)["origin"], reservation["origin"]])
    given: dict[str, Any] = {
        "reservation_id": key,
        "user_id": user["user_id"],
        "cabin": cabin,
        "flights": changed_flights(rng, reservation),
        "passengers": rng.choice(
            [reservation["passengers"], [PERSON] * len(reservation["passengers"]), [PERSON]]
        ),
        "total_baggages": bags + rng.randint(0, 2),
        "nonfree_baggages": bags + rng.randint(-1, 2),
        "payment_id": rng.choice([*methods * 3, "credit_card_0"]),
        "amount": rng.choice([50, 100, -50, 0]),
        "origin": start,
        "destination": rng.choice([flight["destination"], reservation["destination"], "SFO"]),
        "date": rng.choice([date, "2024-05-20", f"2024-05-{rng.randint(1, 31):02}", "2024-06-01"]),
        "flight_number": rng.choice([flight["flight_number"], "HAT000"]),
        "summary": "The customer wants an invoice.",
    }
    return {name: given[name] for name in tool.nouns if name in given}


def changed_flights(rng: Random, reservation: Reservation) -> list[dict[str, str]]:
    """The flights of a reservation, where some are others of the same route."""
    found = [
        {"flight_number": segment["flight_number"], "date": segment["date"]}
        for segment in reservation["flights"]
    ]
    for index, segment in enumerate(reservation["flights"]):
        if rng.random() < 0.5:
            same = airline().routes[segment["origin"], segment["destination"]]
            date = rng.choice([segment["date"], f"2024-05-{rng.randint(10, 30)}"])
            found[index] = {"flight_number": rng.choice(same), "date": date}
    if rng.random() < 0.1:
        found = rng.choice([[], found[:1], found * 2])
    return found


def booking(rng: Random, user: User) -> dict[str, Any]:
    """A booking that is paid to the dollar, more often than not."""
    chosen = rng.sample(bookable(), rng.choice([1, 1, 2]))
    people = rng.choice([[PERSON], user["saved_passengers"][:2] or [PERSON], [PERSON] * 3, []])
    cabin, paid_bags = rng.choice(CABINS), rng.choice([0, 0, 1, -1])
    insurance = rng.choice(["yes", "no"])
    total = sum(flight["dates"][date]["prices"][cabin] for flight, date in chosen) * len(people)
    total += 30 * len(people) * (insurance == "yes") + 50 * paid_bags
    return {
        "user_id": user["user_id"],
        "origin": chosen[0][0]["origin"],
        "destination": chosen[-1][0]["destination"],
        "flight_type": rng.choice(["one_way", "round_trip"]),
        "cabin": cabin,
        "flights": [{"flight_number": f["flight_number"], "date": date} for f, date in chosen],
        "passengers": people,
        "payment_methods": split(rng, user, total + rng.choice([0] * 9 + [1])),
        "total_baggages": paid_bags + rng.randint(0, 2),
        "nonfree_baggages": paid_bags,
        "insurance": insurance,
    }


def split(rng: Random, user: User, total: int) -> list[dict[str, Any]]:
    """The amount over one to three of the user's methods, sometimes one of them twice."""
    methods = list(user["payment_methods"].values())
    cards = [method for method in methods if method["source"] == "credit_card"]
    rest = [method for method in methods if method not in cards]
    first = rng.choice(cards or methods)
    parts = []
    for method in rng.sample(rest, min(len(rest), rng.choice([0, 0, 1, 2]))):
        for _ in range(rng.choice([1, 1, 1, 2])):
            amount = min(int(method["amount"]), total, rng.choice([20, 100, 10_000]))
            parts.append({"payment_id": method["id"], "amount": amount})
            total -= amount
    parts.append({"payment_id": first["id"], "amount": total})
    return rng.sample(parts, len(parts))


# --- what is compared ----------------------------------------------------------------------------


def test_the_official_database_has_its_official_hash() -> None:
    assert our_state_hash(AIRLINE.world()) == AIRLINE.start_hash
    assert official_hash(environment(of=AIRLINE)) == AIRLINE.start_hash


def test_every_record_is_read_alike() -> None:
    for name, argument, keys in (
        ("get_reservation_details", "reservation_id", airline().reservations),
        ("get_user_details", "user_id", airline().users),
    ):
        reads = [ToolCall(name=name, arguments={argument: key}) for key in keys]
        made, world = environment(of=AIRLINE), AIRLINE.world()
        for read in reads:
            assert official_answer(made, read) == (world.call(read).content, False)


@pytest.mark.parametrize("date", ["2024-05-09", "2024-05-16", "2024-05-30"])
def test_every_search_finds_the_same(date: str) -> None:
    made, world = environment(of=AIRLINE), AIRLINE.world()
    airports = list(airline().airports)
    for number, origin in enumerate(airports):
        given = {"origin": origin, "destination": airports[number - 7], "date": date}
        for name in ("search_direct_flight", "search_onestop_flight"):
            search = ToolCall(name=name, arguments=given)
            assert official_answer(made, search) == (world.call(search).content, False)


def test_1_000_calls_are_answered_alike_and_leave_the_same_state() -> None:
    compare(AIRLINE, conversations, 100, hashed=3)


@pytest.mark.slow
def test_20_000_calls_are_answered_alike_and_leave_the_same_state() -> None:
    compare(AIRLINE, conversations, 2_000, hashed=20)


UNSEEN = "unlisted_next_day"
"""No official flight can be booked before the 16th, so its next day always has two digits."""


@pytest.mark.parametrize("switch", [f.name for f in fields(Compat) if f.name != UNSEEN])
def test_the_comparison_notices_each_switch(switch: str) -> None:
    other = replace(TAU2, **{switch: not getattr(TAU2, switch)})
    with pytest.raises(AssertionError):
        compare(AIRLINE, conversations, 200, compat=other)


@pytest.mark.parametrize("odd", ODDER, ids=repr)
def test_each_argument_of_an_odd_type_is_answered_alike(odd: Json) -> None:
    user = airline().users["mia_li_3668"]
    for key in user["reservations"][:1]:
        reservation = airline().reservations[key]
        valid = {**arguments(Random(1), TOOLS[0], user), **booking(Random(3), user)}
        kept = [
            {"flight_number": segment["flight_number"], "date": segment["date"]}
            for segment in reservation["flights"]
        ]
        for tool in TOOLS:
            own = {
                **valid,
                "reservation_id": key,
                "payment_id": next(iter(user["payment_methods"])),
            }
            if tool.name != "book_reservation":
                own |= {"flights": kept, "passengers": reservation["passengers"]}
            for spoiled in tool.nouns:
                given = {name: own.get(name, "1") for name in tool.nouns} | {spoiled: odd}
                assert_alike(AIRLINE, [ToolCall(name=tool.name, arguments=given)])
