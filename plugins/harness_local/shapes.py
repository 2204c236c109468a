"""Tell from a tool's schema how each argument is written: as text, number, list or JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeGuard

from harness.types import Json, Tool

Kinds = Mapping[str, str]
"""How each name's values are written: "string", "strings", "number", "objects" or "" for JSON."""


def kinds_of(parameters: Mapping[str, Json]) -> dict[str, str]:
    """The kinds of a tool's arguments, in the order of the schema."""
    flat = fields_of(parameters)
    return {k: "objects" if k in flat else _kind(v) for k, v in _properties(parameters).items()}


def fields_of(parameters: Mapping[str, Json]) -> dict[str, dict[str, str]]:
    """The kinds of the fields of each argument that is a list of flat objects.

    Objects are flat if all fields are texts or numbers, and none is called like an argument.
    """
    properties = _properties(parameters)
    found: dict[str, dict[str, str]] = {}
    for name, schema in properties.items():
        match schema:
            case {"type": "array", "items": {"type": "object", "properties": dict(inner)}}:
                kinds = {field: _kind(value) for field, value in inner.items()}
                is_flat = {*kinds.values()} <= {"string", "number"}
                if kinds and is_flat and kinds.keys().isdisjoint(properties):
                    found[name] = kinds
    return found


def argument_names(tool: Tool) -> Iterator[str]:
    """The names of a tool's arguments, then those of the fields of its lists of flat objects."""
    yield from _properties(tool.parameters)
    for fields in fields_of(tool.parameters).values():
        yield from fields


def is_text(value: Json) -> TypeGuard[str]:
    """Whether it is a text that can be written: half surrogate pairs cannot."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def are_texts(value: Json) -> TypeGuard[list[str]]:
    """Whether it is a list of such texts, and not empty."""
    return isinstance(value, list) and bool(value) and all(map(is_text, value))


def are_flat(value: Json, fields: Kinds) -> TypeGuard[list[dict[str, Json]]]:
    """Whether it is a list of objects with those fields, not empty, and so are its objects."""
    return isinstance(value, list) and bool(value) and all(_is_flat(one, fields) for one in value)


def _is_flat(value: Json, fields: Kinds) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and value.keys() <= fields.keys()
        and all(
            is_text(one) if fields[name] == "string" else type(one) in (int, float, bool)
            for name, one in value.items()
        )
    )


def _properties(parameters: Mapping[str, Json]) -> Mapping[str, Json]:
    properties = parameters.get("properties")
    return properties if isinstance(properties, dict) else {}


def _kind(schema: Json) -> str:
    if not isinstance(schema, dict):
        return ""
    match schema:
        case {"type": "string"}:
            return "string"
        case {"type": "integer" | "number" | "boolean"}:
            return "number"
        case {"type": "array", "items": {"type": "string"}}:
            return "strings"
        case _:
            return ""
