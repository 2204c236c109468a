"""Turn rows of results into the text of a small file and back: what many rows share is there once,
what is alike is side by side.

study     the study, see ``harness.study.spec``
tests     sets of test tasks: their ids (``tasks``) and the places of those with a tag (``tags``)
rows      a line each: ``test`` is the place of its set, ``outcomes`` are parted by spaces, and a
          training curve has a list for each of its figures
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from harness.errors import RunError

SHARED_BY_ROWS = ("tasks", "tags")

Row = dict[str, Any]


def packed(study: Mapping[str, object], rows: Iterable[Mapping[str, Any]]) -> str:
    """The text of the file."""
    tests: list[Row] = []
    lines = [_line(_packed_row(dict(row), tests)) for row in rows]
    return (
        f'{{"study":{_line(study)},\n"tests":[\n'
        + ",\n".join(map(_line, tests))
        + '\n],\n"rows":[\n'
        + ",\n".join(lines)
        + "\n]}\n"
    )


def unpacked(document: object, where: str) -> object:
    """The document with rows as ``packed`` got them; a row that is whole stays as it is, and so
    does all that is of another shape.

    Raises ``RunError``, naming the row, where its set of test tasks is missing.
    """
    if not isinstance(document, dict) or not isinstance(document.get("rows"), list):
        return document
    found = document.get("tests", [])
    tests = found if isinstance(found, list) else []
    rows = [
        _unpacked_row(row, tests, f"{where}: rows[{number}]")
        for number, row in enumerate(document["rows"])
    ]
    return {**document, "rows": rows}


def _packed_row(row: Row, tests: list[Row]) -> Row:
    shared = {key: row.pop(key) for key in SHARED_BY_ROWS if key in row}
    if shared:
        if shared not in tests:
            tests.append(shared)
        row["test"] = tests.index(shared)
    row = _joined(row)
    if "curve" in row:
        row["curve"] = [_joined(point) for point in row["curve"]]
    training = row.get("training", {})
    points = training.get("curve", ())
    if points and all(point.keys() == points[0].keys() for point in points):
        columns = {key: [point[key] for point in points] for key in points[0]}
        row["training"] = {**training, "curve": columns}
    return row


def _joined(part: Row) -> Row:
    return {**part, "outcomes": " ".join(part["outcomes"])} if "outcomes" in part else part


def _parted(part: Any) -> Any:
    if isinstance(part, dict) and isinstance(part.get("outcomes"), str):
        return {**part, "outcomes": part["outcomes"].split()}
    return part


def _unpacked_row(row: object, tests: list[Any], place: str) -> object:
    if not isinstance(row, dict):
        return row
    if "test" in row:
        row = {**row, **_test(row["test"], tests, place)}
        del row["test"]
    row = dict(_parted(row))
    if isinstance(row.get("curve"), list):
        row["curve"] = [_parted(point) for point in row["curve"]]
    training = row.get("training")
    if isinstance(training, dict) and isinstance(columns := training.get("curve"), dict):
        row["training"] = {**training, "curve": _points(columns, place)}
    return row


def _test(number: object, tests: list[Any], place: str) -> Row:
    if isinstance(number, int) and 0 <= number < len(tests) and isinstance(tests[number], dict):
        found: Row = tests[number]
        return found
    raise RunError(
        f"{place}.test: there is no set of test tasks {number!r}",
        hint="Give a study's folder, or an undamaged results.json.",
    )


def _points(columns: Mapping[str, Any], place: str) -> list[Row]:
    try:
        values = zip(*columns.values(), strict=True)
        return [dict(zip(columns, of_point, strict=True)) for of_point in values]
    except (TypeError, ValueError):
        raise RunError(
            f"{place}.training.curve: its lists are not equally long",
            hint="Give a study's folder, or an undamaged results.json.",
        ) from None


def _line(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
