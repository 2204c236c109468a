"""What each tool does, and how it refuses, as meant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.types import Json, ToolCall
from harness_airline.compat import FIXED
from harness_airline.state import Airline
from harness_airline.tools import ARGUMENT_NAMES, TOOLS, AirlineWorld, offered_tools
from tests.domains.airline.calls import CANCEL, USER, book, call, change, paid
from tests.domains.airline.conftest import ADA, BEN


def answers(airline: Airline, *calls: ToolCall) -> list[str]:
    world = AirlineWorld(airline)
    return [world.call(one).content for one in calls]


def last(airline: Airline, *calls: ToolCall) -> Any:
    return json.loads(answers(airline, *calls)[-1])


def user_after(airline: Airline, *calls: ToolCall) -> Any:
    return last(airline, *calls, call("get_user_details", user_id=USER))


# --- looking up -----------------------------------------------------------------------------------


def test_all_14_tools_are_offered_and_all_their_arguments_are_required() -> None:
    assert len(offered_tools(FIXED)) == 14
    for tool in TOOLS:
        assert tool.parameters["required"] == list(ARGUMENT_NAMES[tool.name])


def test_writes_and_personal_reads_are_private_and_a_cancellation_closes() -> None:
    tools = {tool.name: tool for tool in TOOLS}
    assert tools["get_user_details"].identifies
    assert tools["get_reservation_details"].private
    assert not tools["search_direct_flight"].private
    assert all(tool.private for tool in TOOLS if tool.kind == "write")
    assert tools["cancel_reservation"].closes == "reservation_id"


def test_airports_are_those_of_the_database(tiny: Airline) -> None:
    assert last(tiny, call("list_all_airports"))[0] == {"iata": "AAA", "city": "Aachen"}


@pytest.mark.parametrize(
    ("look_up", "refusal"),
    [
        (call("get_user_details", user_id="x"), "User x not found"),
        (call("get_reservation_details", reservation_id="x"), "Reservation x not found"),
        (call("get_flight_status", flight_number="x", date="2024-05-20"), "Flight x not found"),
        (
            call("get_flight_status", flight_number="HAT001", date="2025-05-20"),
            "Flight HAT001 not found on date 2025-05-20",
        ),
        (call("send_certificate", user_id="x", amount=5), "User x not found"),
        (call("cancel_reservation", reservation_id="x"), "Reservation x not found"),
        (call("fly"), "Tool 'fly' not found."),
    ],
)
def test_what_is_not_there_is_named(tiny: Airline, look_up: ToolCall, refusal: str) -> None:
    assert answers(tiny, look_up) == [f"Error: {refusal}"]


def test_a_status_is_a_word(tiny: Airline) -> None:
    look = call("get_flight_status", flight_number="HAT005", date="2024-05-20")
    assert answers(tiny, look) == ["cancelled"]


def test_a_search_shows_seats_as_this_conversation_left_them(tiny: Airline) -> None:
    search = call("search_direct_flight", origin="AAA", destination="BBB", date="2024-05-20")
    before, after = last(tiny, search), last(tiny, book(), search)
    assert [offer["flight_number"] for offer in before] == ["HAT001", "HAT003"]
    assert before[0]["available_seats"]["economy"] == 2
    assert after[0]["available_seats"]["economy"] == 1
    assert after[0]["prices"] == {"basic_economy": 50, "economy": 100, "business": 300}


def test_flights_that_cannot_be_booked_are_not_found(tiny: Airline) -> None:
    search = call("search_direct_flight", origin="BBB", destination="AAA", date="2024-05-20")
    assert last(tiny, search) == []


# --- booking --------------------------------------------------------------------------------------


def test_a_booking_is_paid_and_takes_seats(tiny: Airline) -> None:
    payments = paid(("certificate_3", 60), ("gift_card_2", 100), ("credit_card_1", 20))
    order = book(payment_methods=payments, insurance="yes", total_baggages=2, nonfree_baggages=1)
    booked = last(tiny, order)
    assert booked["reservation_id"] == "HATHAT"
    assert booked["flights"][0]["price"] == 100
    assert booked["payment_history"] == payments
    user = user_after(tiny, order)
    assert user["reservations"] == ["AAAAAA", "BBBBBB", "HATHAT"]
    assert user["payment_methods"]["gift_card_2"]["amount"] == 20.0
    assert "certificate_3" not in user["payment_methods"]


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        (
            {"payment_methods": paid(("credit_card_1", 99))},
            "Payment amount does not add up, total price is 100, but paid 99",
        ),
        ({"payment_methods": paid(("x", 100))}, "Payment method x not found"),
        (
            {"payment_methods": paid(("certificate_3", 100))},
            "Not enough balance in payment method certificate_3",
        ),
        ({"passengers": [ADA] * 3}, "Not enough seats on flight HAT001"),
        ({"user_id": "x"}, "User x not found"),
        (
            {"flights": [{"flight_number": "HAT005", "date": "2024-05-20"}]},
            "Flight HAT005 not available on date 2024-05-20",
        ),
        ({"total_baggages": -1}, "total_baggages should not be below 0, found -1"),
        ({"total_baggages": "1"}, "total_baggages should be an integer, found a string"),
        ({"total_baggages": True}, "total_baggages should be an integer, found a boolean"),
        ({"flights": "HAT001"}, "flights should be a list of objects, found a string"),
        ({"passengers": [7]}, "passengers should be a list of objects, found an integer in it"),
        (
            {"passengers": [{**ADA, "dob": 7}]},
            "dob in passengers should be a string, found an integer",
        ),
        ({"insurance": "maybe"}, "insurance should be one of yes, no; found 'maybe'"),
    ],
)
def test_a_booking_that_is_refused_says_why(
    tiny: Airline, changes: dict[str, Json], refusal: str
) -> None:
    assert answers(tiny, book(**changes)) == [f"Error: {refusal}"]


def test_a_fourth_booking_is_refused(tiny: Airline) -> None:
    order = book(cabin="business", payment_methods=paid(("credit_card_1", 300)))
    others = [
        book(flights=[{"flight_number": "HAT001", "date": day}])
        for day in ("2024-05-05", "2024-05-06", "2024-05-31")
    ]
    *_, third, fourth = answers(tiny, *others, order)
    assert json.loads(third)["reservation_id"] == "HATHAV"
    assert fourth == "Error: Too many reservations"


# --- changing -------------------------------------------------------------------------------------


def test_flights_that_stay_keep_their_price_and_others_cost_what_they_cost_today(
    tiny: Airline,
) -> None:
    kept = last(tiny, change("economy", "HAT001", "HAT002"))
    assert [segment["price"] for segment in kept["flights"]] == [90, 100]
    assert kept["payment_history"][-1] == {"payment_id": "credit_card_1", "amount": 200}
    upgraded = last(tiny, change("business", "HAT001"))
    assert upgraded["cabin"] == "business"
    assert upgraded["payment_history"][-1]["amount"] == 2 * (300 - 90)


def test_a_cheaper_change_fills_the_gift_card(tiny: Airline) -> None:
    cheaper = change("basic_economy", "HAT001")
    by_card = ToolCall(
        name=cheaper.name, arguments={**cheaper.arguments, "payment_id": "gift_card_2"}
    )
    assert last(tiny, by_card)["payment_history"][-1]["amount"] == -80
    assert user_after(tiny, by_card)["payment_methods"]["gift_card_2"]["amount"] == 200.0


@pytest.mark.parametrize(
    ("method", "refusal"),
    [
        ("certificate_3", "Certificate cannot be used to update reservation"),
        ("gift_card_2", "Gift card balance is not enough"),
        ("x", "Payment method not found"),
    ],
)
def test_a_change_needs_a_method_that_can_pay(tiny: Airline, method: str, refusal: str) -> None:
    dearer = change("business", "HAT001")
    by_method = ToolCall(name=dearer.name, arguments={**dearer.arguments, "payment_id": method})
    assert answers(tiny, by_method) == [f"Error: {refusal}"]


def test_bags_are_paid_if_more_of_them_are_not_free(tiny: Airline) -> None:
    def bags(total: int, nonfree: int) -> ToolCall:
        return call(
            "update_reservation_baggages",
            reservation_id="BBBBBB",
            total_baggages=total,
            nonfree_baggages=nonfree,
            payment_id="gift_card_2",
        )

    assert len(last(tiny, bags(3, 0))["payment_history"]) == 1
    more = last(tiny, bags(3, 2))
    assert more["payment_history"][-1] == {"payment_id": "gift_card_2", "amount": 100}
    assert (more["total_baggages"], more["nonfree_baggages"]) == (3, 2)


def test_passengers_are_replaced_one_for_one(tiny: Airline) -> None:
    def replace_by(*passengers: Json) -> ToolCall:
        return call(
            "update_reservation_passengers", reservation_id="BBBBBB", passengers=[*passengers]
        )

    assert last(tiny, replace_by({**BEN, "seat": "1A"}))["passengers"] == [BEN]
    assert answers(tiny, replace_by(dict(ADA), dict(BEN))) == [
        "Error: Number of passengers does not match"
    ]


def test_a_cancellation_refunds_all_that_was_paid(tiny: Airline) -> None:
    cancelled = last(tiny, CANCEL)
    assert cancelled["status"] == "cancelled"
    assert [entry["amount"] for entry in cancelled["payment_history"]] == [180, -180]


def test_a_cancelled_reservation_takes_no_changes(tiny: Airline) -> None:
    assert answers(tiny, CANCEL, change("business", "HAT001"))[1] == (
        "Error: Reservation AAAAAA is cancelled"
    )


def test_certificates_are_numbered_and_a_fourth_is_refused(tiny: Airline) -> None:
    send = call("send_certificate", user_id=USER, amount=50)
    *_, third, fourth = answers(tiny, *[send] * 4)
    assert third == f"Certificate certificate_3221324 added to user {USER} with amount 50."
    assert fourth == "Error: Too many certificates"
    found = user_after(tiny, send)["payment_methods"]["certificate_3221322"]
    assert found == {"source": "certificate", "id": "certificate_3221322", "amount": 50.0}


def test_customers_have_no_tools(tiny: Airline) -> None:
    theirs = ToolCall(name="list_all_airports", arguments={}, requestor="user")
    assert answers(tiny, theirs) == ["Error: User tools not available"]
