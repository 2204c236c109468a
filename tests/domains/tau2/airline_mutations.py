"""Ways to go right or wrong that only conversations about airline reservations have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.types import Json, ToolCall
from harness_airline.records import CABINS, FLIGHT_TYPES

from .drawing import Calls, Hand, ids_in, with_argument
from .mutations import COMMON, Mutate, named, with_several

_UNKNOWN = ("refund_reservation", "Cancel_reservation", "think", "get_db_hash", "db")
_LISTS = ("flights", "passengers", "payment_methods")


@dataclass(frozen=True, slots=True, kw_only=True)
class AirlineHand(Hand):
    """Draws users, reservations and flights of the official airline."""

    def any(self, kind: str) -> Any:
        records = getattr(self.database, kind)
        return records[self.rng.choice(list(records))]

    def flight(self) -> dict[str, Json]:
        """A flight on a day on which it can be booked."""
        while True:
            flight = self.any("flights")
            date = self.rng.choice(list(flight["dates"]))
            if flight["dates"][date]["status"] == "available":
                return {"flight_number": flight["flight_number"], "date": date}

    def read(self) -> ToolCall:
        reservation, flight = self.any("reservations"), self.any("flights")
        route: dict[str, Json] = {
            "origin": flight["origin"],
            "destination": flight["destination"],
            "date": "2024-05-20",
        }
        reads: list[tuple[str, dict[str, Json]]] = [
            ("get_reservation_details", {"reservation_id": reservation["reservation_id"]}),
            ("get_user_details", {"user_id": reservation["user_id"]}),
            ("get_flight_status", {**self.flight()}),
            ("search_direct_flight", route),
            ("search_onestop_flight", route),
            ("list_all_airports", {}),
            ("calculate", {"expression": "(3 - 2.5) * 4"}),
            ("transfer_to_human_agents", {"summary": "The customer asks for it."}),
        ]
        name, arguments = self.rng.choice(reads)
        return ToolCall(name=name, arguments=arguments)

    def write(self) -> ToolCall:
        if self.rng.random() < 0.2:
            arguments: dict[str, Json] = {"user_id": self.any("users")["user_id"], "amount": 50}
            return ToolCall(name="send_certificate", arguments=arguments)
        return self.write_to(self.any("reservations")["reservation_id"])

    def write_to(self, key: str) -> ToolCall:
        """A write to the reservation that mostly succeeds."""
        reservation = self.database.reservations[key]
        methods = self.database.users[reservation["user_id"]]["payment_methods"]
        cards = [id for id, method in methods.items() if method["source"] != "certificate"]
        payment_id = self.rng.choice(cards or list(methods))
        bags = reservation["nonfree_baggages"]
        kept = [
            {"flight_number": segment["flight_number"], "date": segment["date"]}
            for segment in reservation["flights"]
        ]
        writes: list[tuple[str, dict[str, Json]]] = [
            ("cancel_reservation", {}),
            (
                "update_reservation_baggages",
                {
                    "total_baggages": reservation["total_baggages"] + 1,
                    "nonfree_baggages": bags + self.rng.choice([0, 1]),
                    "payment_id": payment_id,
                },
            ),
            (
                "update_reservation_flights",
                {
                    "cabin": self.rng.choice([reservation["cabin"], *CABINS]),
                    "flights": [*kept],
                    "payment_id": payment_id,
                },
            ),
            (
                "update_reservation_passengers",
                {"passengers": [*reservation["passengers"][::-1]]},
            ),
        ]
        name, arguments = self.rng.choice(writes)
        return ToolCall(name=name, arguments={"reservation_id": key, **arguments})

    def failing(self) -> ToolCall:
        key = self.any("reservations")["reservation_id"]
        failing: list[tuple[str, dict[str, Json]]] = [
            ("cancel_reservation", {"reservation_id": "000000"}),
            ("get_user_details", {"user_id": "nobody_1"}),
            ("get_flight_status", {"flight_number": "HAT001", "date": "2023-01-01"}),
            ("update_reservation_passengers", {"reservation_id": key, "passengers": []}),
            ("send_certificate", {"user_id": "nobody_1", "amount": 5}),
            ("send_certificate", {"user_id": self.any("users")["user_id"], "amount": "much"}),
            ("calculate", {"expression": "1 / 0"}),
        ]
        name, arguments = self.rng.choice(failing)
        return ToolCall(name=name, arguments=arguments)

    def strange(self) -> ToolCall:
        key: Json = self.any("reservations")["reservation_id"]
        return ToolCall(name=self.rng.choice(_UNKNOWN), arguments={"reservation_id": key})

    def change_list(
        self, calls: Calls, name: str, change: Callable[[list[Any]], list[Any]], least: int = 1
    ) -> Calls | None:
        """The calls with one list of that name changed, if there is one of so many entries."""
        return self.change(
            calls,
            lambda call: with_argument(call, name, change(ids_in(call, name))),
            where=lambda call: len(ids_in(call, name)) >= least,
        )

    def change_number(
        self, calls: Calls, change: Callable[[int], Json], *names: str
    ) -> Calls | None:
        return self.argument(calls, lambda value: change(int(value)), *names)

    def change_field(
        self, calls: Calls, name: str, field: str, change: Callable[[Any], Json]
    ) -> Calls | None:
        """The calls with one field changed of one object in a list of that name."""
        return self.element(
            calls, name, lambda call, part: {**part, field: change(part.get(field))}
        )


# --- who and what ---------------------------------------------------------------------------------


def _another_reservation(hand: AirlineHand, calls: Calls) -> Calls | None:
    def another(value: str) -> Json:
        held = hand.database.reservations.get(value)
        near = hand.database.users[held["user_id"]]["reservations"] if held else []
        return hand.other(near, value) or hand.other(hand.database.reservations, value)

    return hand.argument(calls, another, "reservation_id")


def _misspelt_reservation(hand: AirlineHand, calls: Calls) -> Calls | None:
    def misspelt(value: str) -> Json:
        return hand.rng.choice([value[1:], f"{value}0", value.lower() + ".", f" {value}"])

    return hand.argument(calls, misspelt, "reservation_id")


def _another_user(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.argument(calls, lambda value: hand.other(hand.database.users, value), "user_id")


def _another_payment_method(hand: AirlineHand, calls: Calls) -> Calls | None:
    def another(value: str) -> Json:
        users = hand.database.users.values()
        owned = [user["payment_methods"] for user in users if value in user["payment_methods"]]
        return hand.other(owned[0] if owned else (), value) or "credit_card_0000000"

    return hand.argument(calls, another, "payment_id")


def _another_amount(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.change_number(calls, lambda value: value + hand.rng.choice([-50, 50]), "amount")


def _amount_as_text(hand: AirlineHand, calls: Calls) -> Calls | None:
    """Converted by the tool, so the database is as it should be."""
    return hand.change_number(calls, lambda value: str(value), "amount")


# --- flights --------------------------------------------------------------------------------------


def _another_cabin(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.argument(calls, lambda value: hand.other(CABINS, value), "cabin")


def _no_cabin(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.argument(calls, lambda value: hand.rng.choice(["first", "", "Economy"]), "cabin")


def _another_trip(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.argument(calls, lambda value: hand.other(FLIGHT_TYPES, value), "flight_type")


def _another_flight(hand: AirlineHand, calls: Calls) -> Calls | None:
    def another(value: str) -> Json:
        flight = hand.database.flights.get(value)
        route = (flight["origin"], flight["destination"]) if flight else (None, None)
        return hand.other(hand.database.routes[route], value) or "HAT000"

    return hand.change_field(calls, "flights", "flight_number", another)


def _another_date(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.change_field(
        calls, "flights", "date", lambda value: f"2024-05-{hand.rng.randint(1, 31):02}"
    )


def _fewer_flights(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.change_list(calls, "flights", lambda parts: parts[:-1])


def _more_flights(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.change_list(calls, "flights", lambda parts: [*parts, hand.flight()])


def _flights_turned(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.change_list(calls, "flights", lambda parts: parts[::-1], least=2)


def _flights_with_more_fields(hand: AirlineHand, calls: Calls) -> Calls | None:
    """Fields that the tool does not know, and so the database is as it should be."""
    return hand.change_field(calls, "flights", "price", lambda value: 7)


def _other_route(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.argument(calls, lambda value: hand.rng.choice(["SFO", "", "sfo"]), "origin")


# --- passengers, payments, bags -------------------------------------------------------------------


def _another_passenger(hand: AirlineHand, calls: Calls) -> Calls | None:
    field = hand.rng.choice(["first_name", "last_name", "dob"])
    return hand.change_field(calls, "passengers", field, lambda value: f"{value}x")


def _fewer_passengers(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.change_list(calls, "passengers", lambda parts: parts[:-1])


def _passengers_turned(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.change_list(calls, "passengers", lambda parts: parts[::-1], least=2)


def _passenger_without_birth(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.change_field(calls, "passengers", "dob", lambda value: None)


def _payments_turned(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.change_list(calls, "payment_methods", lambda parts: parts[::-1], least=2)


def _too_little_paid(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.change_field(calls, "payment_methods", "amount", lambda value: int(value) - 1)


def _paid_otherwise(hand: AirlineHand, calls: Calls) -> Calls | None:
    def another(value: str) -> Json:
        users = hand.database.users.values()
        owned = [user["payment_methods"] for user in users if value in user["payment_methods"]]
        return hand.other(owned[0] if owned else (), value) or "credit_card_0000000"

    return hand.change_field(calls, "payment_methods", "payment_id", another)


def _a_payment_in_halves(hand: AirlineHand, calls: Calls) -> Calls | None:
    """One method named twice: a certificate breaks off, a gift card and a card go through."""

    def halves(parts: list[Any]) -> list[Any]:
        first, *rest = parts
        half = int(first["amount"]) // 2
        return [{**first, "amount": half}, {**first, "amount": first["amount"] - half}, *rest]

    return hand.change_list(calls, "payment_methods", halves)


def _more_bags(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.change_number(calls, lambda value: value + 1, "total_baggages")


def _other_paid_bags(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.change_number(
        calls, lambda value: value + hand.rng.choice([-1, 1]), "nonfree_baggages"
    )


def _bags_as_fractions(hand: AirlineHand, calls: Calls) -> Calls | None:
    """The same number in another type: a booking converts it, a change keeps it."""
    return hand.change_number(calls, float, "total_baggages", "nonfree_baggages")


def _bags_as_text(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.change_number(calls, str, "total_baggages", "nonfree_baggages")


def _other_insurance(hand: AirlineHand, calls: Calls) -> Calls | None:
    return hand.argument(
        calls, lambda value: hand.rng.choice(["yes", "no", "Yes", ""]), "insurance"
    )


def _text_for_a_list(hand: AirlineHand, calls: Calls) -> Calls | None:
    name = hand.rng.choice(_LISTS)
    return hand.change(
        calls,
        lambda call: with_argument(call, name, str(ids_in(call, name))),
        where=lambda call: ids_in(call, name),
    )


def _wrong_type_in_a_list(hand: AirlineHand, calls: Calls) -> Calls | None:
    name = hand.rng.choice(_LISTS)
    return hand.element(calls, name, lambda call, part: hand.rng.choice([7, None, "x", [part]]))


# --- calls besides --------------------------------------------------------------------------------


def _write_before(hand: AirlineHand, calls: Calls) -> Calls | None:
    """Another write to a reservation that a gold call writes to, just before it."""
    held = hand.database.reservations
    places = [
        index
        for index, call in enumerate(calls)
        if hand.is_write(call) and call.arguments.get("reservation_id") in held
    ]
    if not places:
        return None
    index = hand.rng.choice(places)
    calls.insert(index, hand.write_to(str(calls[index].arguments["reservation_id"])))
    return calls


def _compensation_besides(hand: AirlineHand, calls: Calls) -> Calls:
    arguments: dict[str, Json] = {"user_id": hand.any("users")["user_id"], "amount": 100}
    return hand.insert(calls, ToolCall(name="send_certificate", arguments=arguments))


KINDS: Mapping[str, Mutate] = with_several(
    {
        **COMMON,
        **named(
            _another_reservation,
            _misspelt_reservation,
            _another_user,
            _another_payment_method,
            _another_amount,
            _amount_as_text,
            _another_cabin,
            _no_cabin,
            _another_trip,
            _another_flight,
            _another_date,
            _fewer_flights,
            _more_flights,
            _flights_turned,
            _flights_with_more_fields,
            _other_route,
            _another_passenger,
            _fewer_passengers,
            _passengers_turned,
            _passenger_without_birth,
            _payments_turned,
            _too_little_paid,
            _paid_otherwise,
            _a_payment_in_halves,
            _more_bags,
            _other_paid_bags,
            _bags_as_fractions,
            _bags_as_text,
            _other_insurance,
            _text_for_a_list,
            _wrong_type_in_a_list,
            _write_before,
            _compensation_besides,
        ),
    }
)
"""The ways to go right or wrong, by name."""

HARMLESS = frozenset(
    {
        "gold",
        "amount as text",
        "extra reads",
        "failing call",
        "flights with more fields",
        "unknown tool",
        "call by the user",
        "writes only",
    }
)
"""The mutations that leave the database as it should be."""

HARMFUL = frozenset(
    {
        "a payment in halves",
        "another amount",
        "another cabin",
        "another flight",
        "another passenger",
        "another trip",
        "compensation besides",
        "fewer flights",
        "fewer passengers",
        "more bags",
        "more flights",
        "no cabin",
        "other paid bags",
        "paid otherwise",
        "passenger without birth",
        "passengers turned",
        "payments turned",
        "text for a list",
        "too little paid",
        "without a write",
        "write by the user",
        "wrong type in a list",
    }
)
"""Those that never do."""
