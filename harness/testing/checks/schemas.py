"""Turn a call and its tool's JSON schema into what does not fit, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.types import Json, Tool, ToolCall

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (Mapping,),
    "null": (type(None),),
}


def misfits(call: ToolCall, tools: Mapping[str, Tool]) -> Iterator[str]:
    """What of the call its tool's schema does not allow: names, types, closed sets of values.

    Of JSON Schema, ``type``, ``enum``, ``const``, ``properties``, ``required``,
    ``additionalProperties``, ``items``, ``anyOf``, ``oneOf``, ``$ref`` and the bounds of numbers,
    texts and lists are looked at.
    """
    tool = tools.get(call.name)
    if tool is None:
        yield f"there is no tool {call.name!r}; the tools are {', '.join(tools)}"
        return
    whole: Any = tool.parameters
    named = {"additionalProperties": False, **whole} if whole.get("properties") else whole
    for problem in _misfits(dict(call.arguments), named, "", whole):
        yield f"{call.name}: {problem}"


def _misfits(value: Json, schema: Any, place: str, whole: Any) -> Iterator[str]:
    if not isinstance(schema, Mapping):
        return
    if isinstance(reference := schema.get("$ref"), str):
        schema = _resolved(reference, whole)
    for choice in ("anyOf", "oneOf"):
        options = schema.get(choice)
        if isinstance(options, list) and all(
            any(_misfits(value, option, place, whole)) for option in options
        ):
            yield f"{_at(place)} is {value!r}, which fits none of its {len(options)} schemas"
            return
    kinds = schema.get("type")
    wanted = [kinds] if isinstance(kinds, str) else list(kinds or ())
    if wanted and not any(_is(value, kind) for kind in wanted):
        yield f"{_at(place)} is {value!r}, the schema says {' or '.join(wanted)}"
        return
    allowed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if isinstance(allowed, Sequence) and value not in allowed:
        yield f"{_at(place)} is {value!r}, the schema allows {', '.join(map(repr, allowed))}"
    yield from _out_of_bounds(value, schema, place)
    if isinstance(value, Mapping):
        yield from _of_object(value, schema, place, whole)
    if isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _misfits(item, schema.get("items"), f"{place}[{number}]", whole)


def _of_object(value: Mapping[str, Json], schema: Any, place: str, whole: Any) -> Iterator[str]:
    properties = schema.get("properties") or {}
    required = schema.get("required") or ()
    for name in required:
        if name not in value:
            yield f"{_at(f'{place}.{name}')} is missing, the schema requires it"
    for name, part in value.items():
        if name in properties:
            yield from _misfits(part, properties[name], f"{place}.{name}", whole)
        elif schema.get("additionalProperties") is False:
            known = ", ".join(properties) or "none"
            yield f"{_at(f'{place}.{name}')} is no argument of the schema; they are {known}"


def _out_of_bounds(value: Json, schema: Any, place: str) -> Iterator[str]:
    size = len(value) if isinstance(value, str | list | tuple) else value
    low = "minLength" if isinstance(value, str) else "minItems"
    high = "maxLength" if isinstance(value, str) else "maxItems"
    if isinstance(value, int | float):
        low, high = "minimum", "maximum"
    if not isinstance(size, int | float):
        return
    least, most = schema.get(low), schema.get(high)
    if isinstance(least, int | float) and size < least:
        yield f"{_at(place)} is {value!r}, the schema says {low} {least}"
    if isinstance(most, int | float) and size > most:
        yield f"{_at(place)} is {value!r}, the schema says {high} {most}"


def _is(value: Json, kind: str) -> bool:
    if isinstance(value, bool) and kind in ("integer", "number"):
        return False
    return isinstance(value, _TYPES.get(kind, (object,)))


def _resolved(reference: str, whole: Any) -> Any:
    found = whole
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part, {}) if isinstance(found, Mapping) else {}
    return found


def _at(place: str) -> str:
    return repr(place.removeprefix(".")) if place else "the arguments"
