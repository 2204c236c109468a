"""Turn dataclasses into lines of JSON and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")

_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def adapter(shape: type[T]) -> TypeAdapter[T]:
    """What turns values of the class into JSON and back, made once."""
    from pydantic import TypeAdapter

    if shape not in _ADAPTERS:
        _ADAPTERS[shape] = TypeAdapter(shape)
    return _ADAPTERS[shape]


def lines_of(shape: type[T], values: Sequence[T]) -> str:
    """The values, a line each."""
    dump = adapter(shape).dump_json
    return "".join(dump(value).decode() + "\n" for value in values)


def value_of(shape: type[T], text: str) -> T:
    """The value. Raises ``JSONDecodeError`` or pydantic's ``ValidationError``."""
    from pydantic import ValidationError

    try:
        return adapter(shape).validate_json(text)
    except ValidationError as error:
        if error.errors()[0]["type"] != "json_invalid":
            raise
    # Half a surrogate pair, as models write it in arguments, is beyond pydantic's own parser.
    return adapter(shape).validate_python(json.loads(text))
