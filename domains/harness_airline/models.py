"""What tau2's pydantic models make of arguments: converted values, or errors in pydantic's words.

Values that fit already, the common case, never reach pydantic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast

from harness_airline.records import CABINS, FLIGHT_TYPES, Passenger, Payment, Reservation

if TYPE_CHECKING:
    from pydantic import BaseModel

_FIELDS: Mapping[str, Mapping[str, type]] = {
    "FlightInfo": {"flight_number": str, "date": str},
    "Passenger": {"first_name": str, "last_name": str, "dob": str},
    "Payment": {"payment_id": str, "amount": int},
}

_LITERALS = {"flight_type": FLIGHT_TYPES, "cabin": CABINS, "insurance": ("yes", "no")}


def each_as(model: str, values: Iterable[Any]) -> list[Any]:
    """The values as fields of the model, without others; ``values`` itself if not all are objects.

    Raises pydantic's ``ValidationError``, and ``TypeError`` for what cannot be iterated over.
    """
    if all(isinstance(value, dict) for value in values):
        return [_as(model, value) for value in values]
    return cast("list[Any]", values)


def as_payment(payment_id: str, amount: int) -> Payment:
    """Raises pydantic's ``ValidationError`` for an amount that is no whole number."""
    return cast(Payment, _as("Payment", {"payment_id": payment_id, "amount": amount}))


def as_amount(amount: Any) -> float:
    """The worth of a certificate in US dollars. Raises pydantic's ``ValidationError``."""
    if type(amount) is int and abs(amount) < 2**53:
        return float(amount)
    found = _models()["Certificate"].model_validate({"amount": amount})
    return cast("float", found.model_dump()["amount"])


def as_reservation(reservation: Reservation) -> Reservation:
    """The reservation with converted values. Raises pydantic's ``ValidationError``.

    ``passengers`` and ``payment_history`` as ``each_as`` made them.
    """
    if _fits(reservation):
        return reservation
    found = _models()["Reservation"].model_validate(reservation)
    return cast(Reservation, {**reservation, **found.model_dump()})


def _fits(reservation: Mapping[str, Any]) -> bool:
    """Whether nothing needs to be converted; of lists, only the types of entries are looked at."""
    parts = (reservation["passengers"], reservation["payment_history"])
    return (
        all(type(reservation[name]) is str for name in ("origin", "destination"))
        and all(type(reservation[name]) is int for name in ("total_baggages", "nonfree_baggages"))
        and all(reservation[name] in values for name, values in _LITERALS.items())
        and all(type(each) is list and all(type(p) is dict for p in each) for each in parts)
    )


def _as(model: str, value: Mapping[str, Any]) -> dict[str, Any]:
    fields = _FIELDS[model]
    if all(type(value.get(name)) is kind for name, kind in fields.items()):
        return {name: value[name] for name in fields}
    return _models()[model].model_validate(value).model_dump()


@cache
def _models() -> Mapping[str, type[BaseModel]]:
    """Models whose errors read like those of tau2's models of the same names."""
    from pydantic import create_model

    def model(name: str, kinds: Mapping[str, Any]) -> type[BaseModel]:
        fields: dict[str, Any] = {field: (kind, ...) for field, kind in kinds.items()}
        return create_model(name, **fields)

    found = {name: model(name, kinds) for name, kinds in _FIELDS.items()}
    found["Certificate"] = model("Certificate", {"amount": float})
    checked: dict[str, Any] = {
        "reservation_id": str,
        "user_id": str,
        "origin": str,
        "destination": str,
        "flight_type": Literal[FLIGHT_TYPES],
        "cabin": Literal[CABINS],
        "passengers": list[found["Passenger"]],  # type: ignore[valid-type]
        "payment_history": list[found["Payment"]],  # type: ignore[valid-type]
        "total_baggages": int,
        "nonfree_baggages": int,
        "insurance": Literal["yes", "no"],
    }
    assert checked.keys() <= Reservation.__annotations__.keys()
    assert _FIELDS["Passenger"].keys() == Passenger.__annotations__.keys()
    found["Reservation"] = model("Reservation", checked)
    return found
