"""Turn a tool's JSON into short rows of text, mostly without keys, each with what it belongs to."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from harness.types import Json
from harness_local.aliases import is_handle

_FEW = 4
"""A value of at most so many words is short enough to be in every row that a record contains."""


_SECONDS = re.compile(r"(?<=^\d\d:\d\d):00$")
"""Times of day have none in what people say."""


@dataclass(frozen=True, slots=True)
class Row:
    """``before`` and ``after`` stand around the ``cue``, the words that describe something.

    ``of`` are the words of what contains it, and go first. A row that has them anew is the same.
    """

    of: str = field(default="", compare=False)
    before: str = ""
    cue: str = ""
    after: str = ""

    @property
    def text(self) -> str:
        return " ".join(filter(None, (self.of, self.before, self.cue, self.after)))


def rows(content: str) -> list[Row]:
    """The content as rows; text that is no JSON object or array is one row, as it is.

    Nulls and empty values are left out. A record in a list, or in a map from ids to records, is
    one row: the words of what contains it, such as its name or status, then its own flags, words
    and ids, the id of what contains it, its numbers. So a model that has copied the words of a row
    comes next to the ids that belong to them. A record of one word is better known by what contains
    it: only the id of that goes before it. Numbers have no decimals or two; where a record has
    several tables of numbers with the same keys, each key stands before its numbers in all of them.
    The records of a list within a list belong together and are one row. Records without an id of
    their own are counted in the row of what contains them.
    """
    try:
        value: Json = json.loads(content)
    except (ValueError, RecursionError):
        return [Row(after=content)]
    if isinstance(value, str):
        return [Row(after=value)]
    if isinstance(value, float):
        return [Row(after=_number(value))]
    if not isinstance(value, dict | list):
        return [Row(after=content)]
    lines = _list(_Holder(), value) if isinstance(value, list) else _record(value)
    return [row for row in lines if row.text]


@dataclass(frozen=True, slots=True)
class _Holder:
    """What contains records: its id, or else the key that it stands under, and its few words."""

    name: str = ""
    words: str = ""


def _record(record: Mapping[str, Json]) -> Iterator[Row]:
    """The record's own values in one row, then what it contains."""
    holder = _Holder(_own_id(record), " ".join(_few_words(record)))
    if _is_map(record):
        yield from _map(holder, record)
        return
    yield _row(
        word
        for key, value in record.items()
        for word in (_counted(key, value) if isinstance(value, list) else _field(key, value))
    )
    for key, value in record.items():
        inner = holder if holder.name else replace(holder, name=key)
        if isinstance(value, list):
            yield from _list(inner, value, name=key)
        elif isinstance(value, dict) and _is_map(value):
            yield from _map(inner, value)
        elif isinstance(value, dict) and (words := list(_inline(value))):
            yield _row([_spelled(key), *words])


def _counted(key: str, values: Sequence[Json]) -> Iterator[str]:
    """How many there are, if they are records that nothing but their number tells of."""
    records = [value for value in values if isinstance(value, dict)]
    if records and len(records) == len(values) and not any(map(_names_id, chain(*records))):
        yield f"{_spelled(key)} {len(records)}"


def _list(holder: _Holder, values: Sequence[Json], *, name: str = "") -> Iterator[Row]:
    plain = [word for value in values for word in _field("", value)]
    if plain:
        yield _row([*([_spelled(name)] if name else []), *plain])
    for value in values:
        if isinstance(value, dict):
            yield _of_record(value, holder)
        elif isinstance(value, list):
            yield from _together(holder, value)


def _together(holder: _Holder, values: Sequence[Json]) -> Iterator[Row]:
    records = [_of_record(value, holder).text for value in values if isinstance(value, dict)]
    if len(records) == len(values):
        yield Row(cue=" ".join(filter(None, records)))
    else:
        yield from _list(holder, values)


def _map(holder: _Holder, records: Mapping[str, Json]) -> Iterator[Row]:
    for key, record in records.items():
        if isinstance(record, dict):
            named = key in record.values()
            yield _of_record(record if named else {**record, "id": key}, holder)


def _of_record(record: Mapping[str, Json], holder: _Holder) -> Row:
    kept = {key: value for key, value in record.items() if not isinstance(value, dict | list)}
    words = {k: v for k, v in kept.items() if isinstance(v, str) and not is_handle(v)}
    flags = {key: value for key, value in kept.items() if isinstance(value, bool)}
    ids = {k: v for k, v in kept.items() if isinstance(v, str) and k not in words}
    numbers = {k: v for k, v in kept.items() if k not in words | flags | ids}
    tables = {k: v for k, v in record.items() if isinstance(v, dict) and _is_table(v)}
    nested = {key: value for key, value in record.items() if key not in tables}
    cue = [word for key, value in words.items() for word in _field(key, value, bare=True)]
    cue = sorted(cue, key=is_code) if sum(map(is_code, cue)) == 1 else cue
    cue += [word for key, value in nested.items() for word in _nested(key, value)]
    known = len(" ".join(cue).split()) > 1
    owner = [holder.name] if holder.name else []
    return Row(
        of=holder.words if known else "",
        before=" ".join([*([] if known else owner), *_fields(flags)]),
        cue=" ".join(cue),
        after=" ".join(
            [*_fields(ids), *(owner if known else []), *_fields(numbers), *_tabled(tables)]
        ),
    )


def is_code(word: str) -> bool:
    """Whether the word is three capitals, as the code of an airport."""
    return len(word) == 3 and word.isalpha() and word.isupper()


def _is_table(value: Mapping[str, Json]) -> bool:
    """Whether it holds numbers only."""
    return bool(value) and all(type(number) in (int, float) for number in value.values())


def _tabled(tables: Mapping[str, Mapping[str, Json]]) -> Iterator[str]:
    """The numbers by their keys, which stand once where all tables have the same."""
    keys = {tuple(table) for table in tables.values()}
    if len(tables) > 1 and len(keys) == 1:
        for key in next(iter(keys)):
            yield " ".join(
                [_spelled(key), *(w for t in tables.values() for w in _field("", t[key]))]
            )
        return
    for name, table in tables.items():
        yield " ".join([_spelled(name), *_fields(table)])


def _few_words(record: Mapping[str, Json]) -> Iterator[str]:
    """What a record says of itself in short: its name, its status."""
    for key, value in record.items():
        if isinstance(value, str) and not is_handle(value) and not _names_id(key):
            yield from [value] if len(value.split()) <= _FEW else []


def _row(words: Iterable[str]) -> Row:
    return Row(after=" ".join(words))


def _fields(values: Mapping[str, Json]) -> Iterator[str]:
    for key, value in values.items():
        yield from _field(key, value)


def _inline(record: Mapping[str, Json]) -> Iterator[str]:
    """All of a record that stands within another: words, then nested values, then the rest."""
    kept = {key: value for key, value in record.items() if not isinstance(value, dict | list)}
    words = {key: value for key, value in kept.items() if isinstance(value, str)}
    for key, word in words.items():
        yield from _field(key, word, bare=True)
    for key, value in record.items():
        yield from _nested(key, value)
    yield from _fields({key: value for key, value in kept.items() if key not in words})


def _nested(key: str, value: Json) -> Iterator[str]:
    """What a record contains; lists of ids with the word that says what they are of."""
    if isinstance(value, dict):
        yield from _inline(value)
    elif isinstance(value, list):
        if any(isinstance(element, str) and is_handle(element) for element in value):
            yield _spelled(key).removesuffix(" ids").removesuffix(" id")
        for element in value:
            yield from (
                _nested(key, element) if isinstance(element, dict | list) else _field("", element)
            )


def _field(key: str, value: Json, *, bare: bool = False) -> Iterator[str]:
    """A scalar, with its key where the value alone would be unclear."""
    if isinstance(value, bool):
        yield _spelled(key) if value else f"not {_spelled(key)}"
    elif isinstance(value, int | float):
        yield f"{_spelled(key)} {_number(value)}".lstrip()
    elif isinstance(value, str) and value:
        named = key and not bare and is_handle(value) and not _names_id(key)
        value = _SECONDS.sub("", value)
        yield f"{_spelled(key)} {value}" if named else value


def _spelled(key: str) -> str:
    return key.replace("_", " ")


def _number(value: float) -> str:
    if math.isfinite(value):
        return f"{value:.2f}".removesuffix(".00") if isinstance(value, float) else str(value)
    return str(value)


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
