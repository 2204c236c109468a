"""The report document (``report.json``, perhaps of an unfinished run) as a ``Report``.

Whatever is missing becomes an empty value, a value of the wrong type is an error, and whatever
others wrote loses its control characters here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from harness.assembly.validation import first_problem
from harness.errors import RunError
from harness.report.model import Report
from harness.runtime.foreign_text import clean

Document = Mapping[str, object]

LARGEST = 1e15
"""No number in a report is greater; one that is means nothing, as nan does."""


def read_report(document: Document) -> Report:
    """The document as a ``Report``.

    Raises ``RunError``, naming the place, for a value of the wrong type.
    """
    try:
        return _adapter().validate_json(to_json(_plain(document)), strict=True)
    except ValidationError as error:
        raise RunError(
            f"the report document is malformed at {clean(first_problem(error))}",
            hint="Correct the value in the run folder, or in the plugin that recorded it.",
        ) from None


@cache
def _adapter() -> TypeAdapter[Report]:
    return TypeAdapter(Report)


def _plain(value: object) -> object:
    """The value with clean text; what is null, and a number that is none, is left out of tables."""
    if isinstance(value, Mapping):
        items = ((clean(name), _plain(item)) for name, item in value.items())
        return {name: item for name, item in items if item is not None}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None if value is None else value if isinstance(value, bool) else clean(value)
    if not math.isfinite(value) or abs(value) > LARGEST:
        return None
    return int(value) if value == int(value) else value
