"""Turn JSON that a stranger wrote into values that every part of a run can hold, write and send."""

from __future__ import annotations

import json
import re
import sys
from typing import Any, NoReturn

from harness.types import Json

DEEPEST = 64
"""Levels of lists and objects in each other; parsers, writers and databases have limits of their
own, some of them at a few hundred.
"""

_HALF = re.compile("[\ud800-\udfff]")
_LARGEST = sys.float_info.max
"""A larger number is infinite for whoever counts in floats."""


def loads(text: str) -> Json:
    """The value of a JSON text. Raises ``ValueError`` if it is none, or one that cannot be held."""
    try:
        return plain(_DECODER.decode(text))
    except RecursionError:
        raise ValueError("lists and objects are nested too deep") from None


def plain(value: Any, room: int = DEEPEST) -> Json:
    """The value with U+FFFD for each half of a surrogate pair, which no file can hold.

    Raises ``ValueError`` if it is no JSON value, nested deeper than ``room`` levels, or has a
    number that is not finite.
    """
    if isinstance(value, str):
        return value if value.isascii() else _HALF.sub("\ufffd", value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if abs(value) <= _LARGEST:  # which infinity is not, and what is no number
            return value
        raise ValueError("a number is not finite")
    if room == 0:
        raise ValueError(f"lists and objects are nested deeper than {DEEPEST} levels")
    if isinstance(value, list):
        return [plain(item, room - 1) for item in value]
    if isinstance(value, dict):
        return {whole(key): plain(item, room - 1) for key, item in value.items()}
    raise ValueError(f"{type(value).__name__} is no JSON value")


def whole(text: str) -> str:
    """The text with U+FFFD for each half of a surrogate pair."""
    return text if text.isascii() else _HALF.sub("\ufffd", text)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
