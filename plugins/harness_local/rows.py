"""Turn a tool's JSON into short rows of text, mostly without keys, each with what it belongs to."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.types import Json
from harness_local.aliases import is_handle


@dataclass(frozen=True, slots=True)
class Row:
    """``cue`` are the words that describe something, ``rest`` its flags, numbers and ids."""

    cue: str = ""
    rest: str = ""

    @property
    def text(self) -> str:
        return f"{self.cue} {self.rest}".strip()


def rows(content: str) -> list[Row]:
    """The content as rows; text that is no JSON object or array is one row, as it is.

    Nulls and empty values are left out. A record of a list, or of a map from ids to records, is
    one row: its words, its flags, numbers and ids, the id of what contains it. So whoever has begun
    to copy a row by its words comes to all the ids that belong to them. Numbers have no decimals or
    two.
    """
    try:
        value: Json = json.loads(content)
    except (ValueError, RecursionError):
        return [Row(rest=content)]
    if isinstance(value, str):
        return [Row(rest=value)]
    if not isinstance(value, dict | list):
        return [Row(rest=content)]
    lines = _list("", value) if isinstance(value, list) else _record(value)
    return [row for row in lines if row.text]


def _record(record: Mapping[str, Json]) -> Iterator[Row]:
    """The record's own values in one row, then what it contains."""
    owner = _own_id(record)
    if _is_map(record):
        yield from _map(owner, record)
        return
    yield _row((), (word for key, value in record.items() for word in _field(key, value)))
    for key, value in record.items():
        if isinstance(value, list):
            yield from _list(owner or key, value, name=key)
        elif isinstance(value, dict) and _is_map(value):
            yield from _map(owner or key, value)
        elif isinstance(value, dict) and (words := list(_inline(value, bare=True))):
            yield _row((), [_spelled(key), *words])


def _list(owner: str, values: Sequence[Json], *, name: str = "") -> Iterator[Row]:
    plain = [word for value in values for word in _field("", value)]
    if plain:
        yield _row((), [*([_spelled(name)] if name else []), *plain])
    for value in values:
        if isinstance(value, dict):
            yield _row(_cue(value), [*_rest(value), owner])
        elif isinstance(value, list):
            yield from _list(owner, value)


def _map(owner: str, records: Mapping[str, Json]) -> Iterator[Row]:
    for key, record in records.items():
        if isinstance(record, dict):
            rest = list(_rest(record))
            yield _row(_cue(record), [*rest, *([] if key in rest else [key]), owner])


def _row(cue: Iterable[str], rest: Iterable[str]) -> Row:
    return Row(" ".join(filter(None, cue)), " ".join(filter(None, rest)))


def _inline(record: Mapping[str, Json], *, bare: bool = False) -> Iterator[str]:
    """Words, then nested values, flags, numbers, ids."""
    yield from _cue(record, bare=bare)
    yield from _rest(record, bare=bare)


def _cue(record: Mapping[str, Json], *, bare: bool = False) -> Iterator[str]:
    for key, word in _words(record, bare=bare).items():
        yield from _field(key, word, bare=True)
    for nested in record.values():
        yield from _nested(nested)


def _rest(record: Mapping[str, Json], *, bare: bool = False) -> Iterator[str]:
    scalars = {key: value for key, value in record.items() if not isinstance(value, dict | list)}
    words = _words(record, bare=bare)
    rest = {key: value for key, value in scalars.items() if key not in words}
    for key, value in sorted(rest.items(), key=lambda item: _rank(item[1])):
        yield from _field(key, value)


def _words(record: Mapping[str, Json], *, bare: bool) -> dict[str, str]:
    return {k: v for k, v in record.items() if isinstance(v, str) and (bare or not is_handle(v))}


def _nested(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _inline(value, bare=True)
    elif isinstance(value, list):
        for element in value:
            yield from _nested(element) if isinstance(element, dict | list) else _field("", element)


def _field(key: str, value: Json, *, bare: bool = False) -> Iterator[str]:
    """A scalar; its key with it where the value alone would not say what it is."""
    if isinstance(value, bool):
        yield _spelled(key) if value else f"not {_spelled(key)}"
    elif isinstance(value, int | float):
        yield f"{_spelled(key)} {_number(value)}".lstrip()
    elif isinstance(value, str) and value:
        named = key and not bare and is_handle(value) and not _names_id(key)
        yield f"{_spelled(key)} {value}" if named else value


def _spelled(key: str) -> str:
    return key.replace("_", " ")


def _number(value: float) -> str:
    if math.isfinite(value):
        return f"{value:.2f}".removesuffix(".00") if isinstance(value, float) else str(value)
    return str(value)


def _rank(value: Json) -> int:
    return 2 if isinstance(value, str) else 0 if isinstance(value, bool) else 1


def _is_map(value: Mapping[str, Json]) -> bool:
    """Whether the keys are data rather than names of fields: ids, each with a record."""
    return bool(value) and all(
        isinstance(record, dict) and (is_handle(key) or key in record.values())
        for key, record in value.items()
    )


def _own_id(record: Mapping[str, Json]) -> str:
    named = (v for k, v in record.items() if _names_id(k) and isinstance(v, str))
    return next(named, "")


def _names_id(key: str) -> bool:
    return key == "id" or key.endswith(("_id", "_ids"))
