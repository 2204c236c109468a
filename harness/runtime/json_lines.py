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
    from pydantic_core import PydanticSerializationError

    dump = adapter(shape).dump_json
    try:
        return "".join(dump(value).decode() + "\n" for value in values)
    except PydanticSerializationError:  # half a surrogate pair: escaped, as below
        plain = adapter(shape).dump_python
        return "".join(json.dumps(plain(value, mode="json")) + "\n" for value in values)


def json_text(value: object) -> str:
    """The plain value as indented JSON: readable, or escaped where UTF-8 has no such character."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text if _is_utf8(text) else json.dumps(value, indent=2)


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


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
