"""Turn what pydantic found wrong with outside data into words: where, what, and what instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

_EXPECTED = {
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table",
    "mapping_type": "a table",
    "dataclass_type": "a table",
}
"""By the kind of pydantic's error."""

_FOUND = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a table",
    type(None): "nothing",
}


def first_problem(error: ValidationError) -> str:
    """ "arms[2].pass.1.value: found text, expected a number"; the value itself is not shown."""
    first = error.errors(include_url=False, include_context=False)[0]
    path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in first["loc"])
    place = path.removeprefix(".") or "the whole"
    if first["type"] == "missing":
        return f"{place}: it is missing"
    if first["type"] not in _EXPECTED:
        return f"{place}: {first['msg']}"
    found = _FOUND.get(type(first["input"]), type(first["input"]).__name__)
    return f"{place}: found {found}, expected {_EXPECTED[first['type']]}"
