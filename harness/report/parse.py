"""The report document (``report.json``, perhaps of an unfinished run) as a ``Report``.

Whatever is missing or of the wrong type becomes an empty value, and whatever others wrote loses its
control characters here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_type_hints

from harness.report.figures import clean
from harness.report.model import (
    Arm,
    Changed,
    Discovered,
    Pattern,
    PoolRound,
    Report,
    Reward,
    Series,
    Share,
    Shifted,
    Suspect,
    Term,
    Training,
)
from harness.types import Interval

Document = Mapping[str, object]
T = TypeVar("T")

SETTING = (
    "seed",
    "preset",
    "policy",
    "temperature",
    "simulator",
    "judge",
    "injector",
    "trainer",
    "clusterer",
)
_STATIONS = ("judge", "injector", "trainer", "clusterer")
"""Who plays a part in rounds only."""

_PARTS = {
    "arms": "results on held-out tasks",
    "patterns": "error patterns",
    "pool": "task pool",
    "rewards": "reward terms",
    "training": "training curves",
    "seconds": "time per station",
}


def read_report(document: Document) -> Report:
    """The document as a ``Report``; raises nothing, whatever the document lacks."""
    rounds = {_int(row, "round"): _counts(row, skip="round") for row in _rows(document, "blame")}
    lacks = [] if _is_evaluation(document) else [key for key in _PARTS if not document.get(key)]
    unasked = _STATIONS if _is_evaluation(document) else ()
    return Report(
        run=_text(document, "run") or "unnamed run",
        domain=_text(document, "domain"),
        data_version=_text(document, "data_version"),
        setting={
            name: text
            for name in SETTING
            if name not in unasked and (text := _text(document, name))
        },
        arms=tuple(_arm(row) for row in _rows(document, "arms")),
        validation=tuple(_arm(row) for row in _rows(document, "validation")),
        patterns=tuple(_pattern(row) for row in _rows(document, "patterns")),
        blame=rounds,
        discovered=tuple(_discovered(row) for row in _rows(document, "discovery")),
        shifts=tuple(_shifted(row) for row in _rows(document, "shifts")),
        pool=tuple(_read(PoolRound, row) for row in _rows(document, "pool")),
        rewards=tuple(_reward(row) for row in _rows(document, "rewards")),
        training=tuple(_training(row) for row in _rows(document, "training")),
        seconds=_seconds(document),
        cost_usd=_float(document, "cost_usd"),
        complete=document.get("complete") is True,
        missing=tuple(_PARTS[key] for key in lacks),
    )


def _is_evaluation(document: Document) -> bool:
    """Whether all that was asked for was to evaluate a policy: no part of a round is lacking."""
    arms = {
        _text(row, "name") for row in (*_rows(document, "arms"), *_rows(document, "validation"))
    }
    return arms == {"policy"} and document.get("complete") is True and not document.get("blame")


def _arm(row: Document) -> Arm:
    difference = _mapping(row, "differences")
    return _read(
        Arm,
        row,
        name=_text(row, "name") or "unnamed",
        passes=_intervals(_mapping(row, "pass")),
        against=_text(difference, "against"),
        differences=_intervals(_mapping(difference, "pass")),
        passes_counted=_intervals(_mapping(row, "pass_counted")),
    )


def _pattern(row: Document) -> Pattern:
    return _read(
        Pattern,
        row,
        name=_text(row, "name") or _text(row, "id") or "unnamed",
        rounds={
            _int(seen, "round"): Share(
                count=_int(seen, "count"), fraction=_float(seen, "share") or 0.0
            )
            for seen in _rows(row, "rounds")
        },
        aside=row.get("set_aside") is True,
    )


def _discovered(row: Document) -> Discovered:
    quality = _mapping(row, "quality")
    return _read(
        Discovered,
        {**quality, **row},
        chosen_by=_text(quality, "embedding_chosen_by"),
        named_by=_text(_mapping(row, "names"), "by"),
        coverage=_float(quality, "coverage"),
        stability=_bounds(_mapping(quality, "stability"), "adjusted_rand"),
        suspects=tuple(_read(Suspect, found) for found in _rows(row, "suspects")),
    )


def _shifted(row: Document) -> Shifted:
    return _read(
        Shifted,
        row,
        before=_int(row, "from"),
        after=_int(row, "to"),
        changes=tuple(
            _read(
                Changed,
                change,
                pattern_id=_text(change, "id"),
                sure=change.get("sure") is True,
                per_100=found,
            )
            for change in _rows(row, "changes")
            if (found := _interval(change, "per_100")) is not None
        ),
    )


def _reward(row: Document) -> Reward:
    terms = tuple(
        _read(Term, term, name=_text(term, "name") or _text(term, "term") or "unnamed")
        for term in _rows(row, "terms")
    )
    return _read(Reward, row, terms=terms, curves=_curves(row))


def _training(row: Document) -> Training:
    signs = {clean(name): clean(said) for name, said in _mapping(row, "signs").items()}
    return _read(Training, row, curves=_curves(row), signs=signs)


def _read(shape: type[T], row: Document, **others: object) -> T:
    """The row as ``shape``: each field under its own name and by its type, or as in ``others``."""
    own = {name: kind for name, kind in get_type_hints(shape).items() if name not in others}
    make: Any = shape
    made: T = make(**others, **{name: _BY_KIND[kind](row, name) for name, kind in own.items()})
    return made


def _curves(row: Document) -> dict[str, Series]:
    points: dict[str, list[tuple[float, float]]] = {}
    for index, point in enumerate(_rows(row, "curve")):
        step = _float(point, "step")
        for key in point:
            value = _float(point, key)
            if key != "step" and value is not None:
                points.setdefault(clean(key), []).append((index if step is None else step, value))
    return {key: tuple(sorted(series)) for key, series in points.items()}


def _seconds(document: Document) -> dict[str, float]:
    table = _mapping(document, "seconds")
    return {clean(key): value for key in table if (value := _float(table, key)) is not None}


def _intervals(table: Document) -> dict[int, Interval]:
    return {int(k): found for k in table if k.isdecimal() and (found := _interval(table, k))}


def _interval(table: Document, key: str) -> Interval | None:
    return _bounds(_mapping(table, key))


def _bounds(row: Document, middle: str = "value") -> Interval | None:
    value = _float(row, middle)
    if value is None:
        return None
    low, high = _float(row, "low"), _float(row, "high")
    return Interval(
        value=value, low=value if low is None else low, high=value if high is None else high
    )


def _rows(row: Document, key: str) -> Iterator[Document]:
    found = row.get(key)
    if isinstance(found, Sequence) and not isinstance(found, str):
        yield from (item for item in found if isinstance(item, Mapping))


def _mapping(row: Document, key: str) -> Document:
    found = row.get(key)
    return {str(k): v for k, v in found.items()} if isinstance(found, Mapping) else {}


def _counts(table: Document, skip: str = "") -> dict[str, int]:
    return {clean(key): _int(table, key) for key in table if key != skip and _int(table, key)}


def _text(row: Document, key: str) -> str:
    found = row.get(key)
    return "" if found is None else clean(found)


def _int(row: Document, key: str) -> int:
    return round(_float(row, key) or 0.0)


def _float(row: Document, key: str) -> float | None:
    found = row.get(key)
    if isinstance(found, bool) or not isinstance(found, int | float) or abs(found) > 1e15:
        return None
    return float(found) if math.isfinite(found) else None


_BY_KIND: Mapping[object, Callable[[Document, str], object]] = {
    str: _text,
    int: _int,
    float: lambda row, key: _float(row, key) or 0.0,
    float | None: _float,
    Interval | None: _interval,
    Mapping[str, int]: lambda row, key: _counts(_mapping(row, key)),
}
