"""The report document (``report.json``, perhaps of an unfinished run) as a ``Report``.

Whatever is missing or of the wrong type becomes an empty value, and whatever others wrote loses its
control characters here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from harness.report.figures import clean
from harness.report.view import (
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
    return Report(
        run=_text(document, "run") or "unnamed run",
        domain=_text(document, "domain"),
        vintage=_text(document, "vintage"),
        setting={name: text for name in SETTING if (text := _text(document, name))},
        arms=tuple(_arm(row) for row in _rows(document, "arms")),
        validation=tuple(_arm(row) for row in _rows(document, "validation")),
        patterns=tuple(_pattern(row) for row in _rows(document, "patterns")),
        blame=rounds,
        discovered=tuple(_discovered(row) for row in _rows(document, "discovery")),
        shifts=tuple(_shifted(row) for row in _rows(document, "shifts")),
        pool=tuple(_pool_round(row) for row in _rows(document, "pool")),
        rewards=tuple(_reward(row) for row in _rows(document, "rewards")),
        training=tuple(_training(row) for row in _rows(document, "training")),
        seconds=_seconds(document),
        cost_usd=_float(document, "cost_usd"),
        complete=document.get("complete") is True,
        missing=tuple(words for key, words in _PARTS.items() if not document.get(key)),
    )


def _arm(row: Document) -> Arm:
    difference = _mapping(row, "differences")
    return Arm(
        name=_text(row, "name") or "unnamed",
        split=_text(row, "split"),
        tasks=_int(row, "tasks"),
        trials=_int(row, "trials"),
        passes=_intervals(_mapping(row, "pass")),
        faults=_int(row, "faults"),
        fault_kinds=_counts(_mapping(row, "fault_kinds")),
        not_gradeable=_int(row, "not_gradeable"),
        against=_text(difference, "against"),
        differences=_intervals(_mapping(difference, "pass")),
        passes_counted=_intervals(_mapping(row, "pass_counted")),
    )


def _pattern(row: Document) -> Pattern:
    return Pattern(
        id=_text(row, "id"),
        name=_text(row, "name") or _text(row, "id") or "unnamed",
        description=_text(row, "description"),
        kinds=_counts(_mapping(row, "kinds")),
        rounds={
            _int(seen, "round"): Share(
                count=_int(seen, "count"), fraction=_float(seen, "share") or 0.0
            )
            for seen in _rows(row, "rounds")
        },
        family=_text(row, "family"),
        coverage=_float(row, "coverage"),
        gap=_interval(row, "gap"),
        aside=row.get("set_aside") is True,
    )


def _discovered(row: Document) -> Discovered:
    quality = _mapping(row, "quality")
    stability = _mapping(quality, "stability")
    low, high = _float(stability, "low"), _float(stability, "high")
    mean = _float(stability, "adjusted_rand")
    return Discovered(
        round=_int(row, "round"),
        method=_text(row, "method"),
        embedding_version=_text(quality, "embedding_version"),
        chosen_by=_text(quality, "embedding_chosen_by"),
        named_by=_text(_mapping(row, "names"), "by"),
        noise=_int(row, "noise"),
        silhouette=_float(quality, "silhouette"),
        coverage=_float(quality, "coverage"),
        stability=None
        if mean is None
        else Interval(value=mean, low=mean if low is None else low, high=high or mean),
        suspects=tuple(
            Suspect(
                task_id=_text(found, "task_id"),
                times=_int(found, "times"),
                summary=_text(found, "summary"),
            )
            for found in _rows(row, "suspects")
        ),
    )


def _shifted(row: Document) -> Shifted:
    return Shifted(
        before=_int(row, "from"),
        after=_int(row, "to"),
        distance=_float(row, "distance") or 0.0,
        p=_float(row, "p") or 0.0,
        verdict=_text(row, "verdict"),
        changes=tuple(
            Changed(
                pattern_id=_text(change, "id"),
                status=_text(change, "status"),
                sure=change.get("sure") is True,
                per_100=found,
            )
            for change in _rows(row, "changes")
            if (found := _interval(change, "per_100")) is not None
        ),
    )


def _pool_round(row: Document) -> PoolRound:
    return PoolRound(
        round=_int(row, "round"),
        tasks=_int(row, "tasks"),
        patterns=_counts(_mapping(row, "patterns")),
        refused=_counts(_mapping(row, "refused")),
    )


def _reward(row: Document) -> Reward:
    terms = (
        Term(
            name=_text(term, "name") or _text(term, "term") or "unnamed",
            weight=_float(term, "weight"),
            first=_float(term, "first"),
            last=_float(term, "last"),
        )
        for term in _rows(row, "terms")
    )
    return Reward(arm=_text(row, "arm"), terms=tuple(terms), curves=_curves(row))


def _training(row: Document) -> Training:
    return Training(
        arm=_text(row, "arm"),
        steps=_int(row, "steps"),
        tokens=_int(row, "tokens"),
        seconds=_float(row, "seconds"),
        loss_first=_float(row, "loss_first"),
        loss_last=_float(row, "loss_last"),
        stopped_because=_text(row, "stopped_because"),
        curves=_curves(row),
    )


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
    row = _mapping(table, key)
    value = _float(row, "value")
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
