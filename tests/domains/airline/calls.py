"""Calls about the airline that is small enough to know by heart."""

from __future__ import annotations

from harness.types import Json, ToolCall

USER = "ada_reed_1000"


def call(name: str, **arguments: Json) -> ToolCall:
    return ToolCall(name=name, arguments=arguments)


def book(**changes: Json) -> ToolCall:
    arguments: dict[str, Json] = {
        "user_id": USER,
        "origin": "AAA",
        "destination": "BBB",
        "flight_type": "one_way",
        "cabin": "economy",
        "flights": [{"flight_number": "HAT001", "date": "2024-05-20"}],
        "passengers": [{"first_name": "Ada", "last_name": "Reed", "dob": "1990-04-05"}],
        "payment_methods": [{"payment_id": "credit_card_1", "amount": 100}],
        "total_baggages": 0,
        "nonfree_baggages": 0,
        "insurance": "no",
    }
    return ToolCall(name="book_reservation", arguments={**arguments, **changes})


def paid(*payments: tuple[str, int]) -> list[Json]:
    return [{"payment_id": method, "amount": amount} for method, amount in payments]


def change(cabin: str, *flights: str) -> ToolCall:
    return call(
        "update_reservation_flights",
        reservation_id="AAAAAA",
        cabin=cabin,
        flights=[{"flight_number": number, "date": "2024-05-20"} for number in flights],
        payment_id="credit_card_1",
    )


TWO: list[Json] = [
    {"first_name": name, "last_name": "Reed", "dob": "1990-01-01"} for name in ("Ada", "Ben")
]
CANCEL = call("cancel_reservation", reservation_id="AAAAAA")
