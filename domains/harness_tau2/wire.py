"""Take values out of foreign JSON, naming the place where one does not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import inf, isfinite
from typing import TypeVar

from harness.types import Json

T = TypeVar("T", str, int, bool, list[Json], dict[str, Json])

Object = Mapping[str, Json]

_KINDS: Mapping[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


class Misfit(ValueError):
    """A value that does not fit; ``place`` leads to it from the value that is being read."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(problem)
        self.place = place

    def inside(self, place: str) -> Misfit:
        """The same, as seen from one level up, where the value being read lies at ``place``."""
        inner = self.place
        joined = f"{place}{'' if inner.startswith('[') or not inner else '.'}{inner}"
        return Misfit(joined, str(self))


@contextmanager
def at(place: str) -> Iterator[None]:
    """Let what does not fit in here be seen as from outside ``place``."""
    try:
        yield
    except Misfit as error:
        raise error.inside(place) from None


def kind_of(value: object) -> str:
    """What a JSON value is, in words ("an object")."""
    return _KINDS.get(type(value), type(value).__name__)


def as_object(value: Json, place: str) -> dict[str, Json]:
    """The value, which must be an object. Raises ``Misfit``."""
    if not isinstance(value, dict):
        raise Misfit(place, f"found {kind_of(value)}, expected an object")
    return value


def need(raw: Object, key: str, kind: type[T]) -> T:
    """The value under a required key. Raises ``Misfit`` if it is missing or of another kind."""
    value = raw.get(key)
    if type(value) is not kind:
        found = kind_of(value) if key in raw else "nothing"
        raise Misfit(key, f"found {found}, expected {_KINDS[kind]}")
    return value


def need_number(raw: Object, key: str) -> float:
    """The number under a required key. Raises ``Misfit``."""
    value = raw.get(key)
    if type(value) is not float and type(value) is not int:
        found = kind_of(value) if key in raw else "nothing"
        raise Misfit(key, f"found {found}, expected a number")
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def text(raw: Object, key: str) -> str:
    """The text under an optional key, "" for null and for nothing. Raises ``Misfit``."""
    return "" if raw.get(key) is None else need(raw, key, str)


def number(raw: Object, key: str) -> float:
    """The number under an optional key, 0 for null, for nothing, and where it is not finite. Raises
    ``Misfit``.
    """
    value = 0.0 if raw.get(key) is None else need_number(raw, key)
    return value if isfinite(value) else 0.0


def entries(raw: Object, key: str) -> list[Json]:
    """The list under an optional key, [] for null and for nothing. Raises ``Misfit``."""
    return [] if raw.get(key) is None else need(raw, key, list)


def fields(raw: Object, key: str) -> dict[str, Json]:
    """The object under an optional key, {} for null and for nothing. Raises ``Misfit``."""
    return {} if raw.get(key) is None else need(raw, key, dict)
