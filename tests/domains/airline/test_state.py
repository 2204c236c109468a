"""Worlds: one shared airline, conversations that never see each other."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.types import Json, ToolCall
from harness_airline.compat import FIXED, TAU2
from harness_airline.records import CABINS, FLIGHT_TYPES
from harness_airline.state import Airline, Overlay
from harness_airline.tools import TOOLS, AirlineWorld
from tests.domains.airline.conftest import DAYS

FLIGHT = st.fixed_dictionaries(
    {
        "flight_number": st.sampled_from(["HAT001", "HAT002", "HAT005", "HAT9"]),
        "date": st.sampled_from(DAYS),
    }
)
PERSON = st.fixed_dictionaries(
    {"first_name": st.just("Ada"), "last_name": st.just("Reed"), "dob": st.just("1990-04-05")}
)
METHOD = st.sampled_from(["credit_card_1", "gift_card_2", "certificate_3"])
AMOUNT = st.sampled_from([-5, 0, 50, 100, 180])
PAYMENT = st.fixed_dictionaries({"payment_id": METHOD, "amount": AMOUNT})
PLAUSIBLE: dict[str, st.SearchStrategy[Json]] = {
    "user_id": st.just("ada_reed_1000"),
    "reservation_id": st.sampled_from(["AAAAAA", "BBBBBB", "HATHAT"]),
    "cabin": st.sampled_from(CABINS),
    "flight_type": st.sampled_from(FLIGHT_TYPES),
    "flights": st.lists(FLIGHT, max_size=2),
    "passengers": st.lists(PERSON, max_size=2),
    "payment_methods": st.lists(PAYMENT, max_size=2),
    "payment_id": METHOD,
    "amount": AMOUNT,
    "total_baggages": st.integers(-1, 3),
    "nonfree_baggages": st.integers(-1, 3),
    "insurance": st.sampled_from(["yes", "no"]),
    "origin": st.sampled_from(["AAA", "BBB"]),
    "destination": st.sampled_from(["BBB", "CCC"]),
    "date": st.sampled_from(DAYS),
    "flight_number": st.sampled_from(["HAT001", "HAT9"]),
}
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def calls(*, odd: bool) -> st.SearchStrategy[ToolCall]:
    def arguments(names: list[str]) -> st.SearchStrategy[dict[str, Json]]:
        return st.fixed_dictionaries(
            {
                name: st.one_of(*[plausible] * 3, ODD) if odd else plausible
                for name in names
                for plausible in [PLAUSIBLE.get(name, st.just("1 + 1"))]
            }
        )

    return st.sampled_from(TOOLS).flatmap(
        lambda tool: arguments(list(tool.nouns)).map(
            lambda values: ToolCall(name=tool.name, arguments=values)
        )
    )


FAST = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(script=st.lists(calls(odd=True), max_size=4))
@FAST
def test_no_arguments_however_odd_raise_and_a_refused_call_changes_nothing(
    tiny: Airline, script: list[ToolCall]
) -> None:
    world = AirlineWorld(tiny)
    for call in script:
        before = world.changes()
        result = world.call(call)
        if result.is_error:
            assert result.content.startswith("Error: ")
            assert world.changes() == before
        elif result.content.startswith(("{", "[")):
            json.loads(result.content)


@given(script=st.lists(calls(odd=True), max_size=4))
@FAST
def test_as_in_tau2_no_arguments_raise_either(tiny: Airline, script: list[ToolCall]) -> None:
    world = AirlineWorld(tiny, TAU2)
    for call in script:
        world.call(call)


@given(script=st.lists(calls(odd=False), max_size=6))
@FAST
def test_conversations_side_by_side_are_as_if_alone(tiny: Airline, script: list[ToolCall]) -> None:
    alone, one, other = (AirlineWorld(tiny) for _ in range(3))
    for call, otherwise in zip(script, reversed(script), strict=True):
        assert alone.call(call) == one.call(call)
        other.call(otherwise)
    assert alone.changes() == one.changes()
    assert AirlineWorld(tiny).changes() == ()


@given(script=st.lists(calls(odd=False), max_size=6))
@FAST
def test_seats_taken_and_given_back_add_up(tiny: Airline, script: list[ToolCall]) -> None:
    """Whatever is done, no seat appears or vanishes: those of a flight are free or someone's."""
    world = AirlineWorld(tiny)
    before = _seats(world)
    for call in script:
        world.call(call)
    assert _seats(world) == before
    for flight in world.records()["flights"].values():
        for on_date in flight["dates"].values():  # type: ignore[index, union-attr, call-overload]
            assert min(on_date.get("available_seats", {"": 0}).values()) >= 0


def _seats(world: AirlineWorld) -> dict[str, int]:
    """Free and taken seats together, by flight, day and cabin."""
    records = world.records()
    found: dict[str, int] = {}
    for number, flight in records["flights"].items():
        for date, on_date in flight["dates"].items():  # type: ignore[index, union-attr, call-overload]
            for cabin, free in on_date.get("available_seats", {}).items():
                found[f"{number}/{date}/{cabin}"] = free
    for trip in records["reservations"].values():
        for segment in trip["flights"] if trip["status"] is None else ():  # type: ignore[index, call-overload]
            key = f"{segment['flight_number']}/{segment['date']}/{trip['cabin']}"  # type: ignore[index, call-overload]
            if key in found:
                found[key] += len(trip["passengers"])  # type: ignore[index, call-overload]
    return found


def test_only_the_day_whose_seats_are_taken_is_copied(tiny: Airline) -> None:
    overlay = Overlay(tiny, FIXED)
    overlay.take_seats("HAT001", "2024-05-20", "economy", 2)
    overlay.take_seats("HAT001", "2024-05-31", "business", 1)
    own, shared = overlay.flight("HAT001")["dates"], tiny.flights["HAT001"]["dates"]
    assert own["2024-05-05"] is shared["2024-05-05"]
    assert own["2024-05-20"]["available_seats"]["economy"] == 0
    assert shared["2024-05-20"]["available_seats"]["economy"] == 2
    assert [change.path[-3:] for change in overlay.changes()] == [
        ("2024-05-20", "available_seats", "economy"),
        ("2024-05-31", "available_seats", "business"),
    ]


def test_a_day_without_known_seats_stays_as_it_is(tiny: Airline) -> None:
    overlay = Overlay(tiny, FIXED)
    overlay.take_seats("HAT005", "2024-05-20", "economy", -1)
    assert overlay.changes() == ()


def test_reservations_are_booked_at_the_time_of_the_database(tiny: Airline) -> None:
    arguments: dict[str, Json] = {
        "user_id": "ada_reed_1000",
        "origin": "AAA",
        "destination": "BBB",
        "flight_type": "one_way",
        "cabin": "economy",
        "flights": [{"flight_number": "HAT001", "date": "2024-05-31"}],
        "passengers": [{"first_name": "Ada", "last_name": "Reed", "dob": "1990-04-05"}],
        "payment_methods": [{"payment_id": "credit_card_1", "amount": 100}],
        "total_baggages": 0,
        "nonfree_baggages": 0,
        "insurance": "no",
    }
    booked = AirlineWorld(tiny).call(ToolCall(name="book_reservation", arguments=arguments))
    assert json.loads(booked.content)["created_at"] == tiny.now
