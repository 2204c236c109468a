"""Check a call before its tool runs: with which arguments, and of which types."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from harness.types import Json, Tool
from harness_taskkit.people import Address
from harness_taskkit.state import ToolError

if TYPE_CHECKING:
    from pydantic import BaseModel

Schema = Mapping[str, Json]

_KINDS: Mapping[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}

_ALLOWED: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
"""The types of Python that a type of a schema allows."""


def check_reserved(arguments: Mapping[str, Json]) -> None:
    """Raise ``ToolError`` for names of arguments that break a call, in the words of the calls by
    which tau2 passes arguments on.
    """
    function = "Environment.make_tool_call()"
    if "requestor" in arguments:
        raise ToolError(
            f"tau2.environment.environment.{function} got multiple values for keyword argument "
            "'requestor'"
        )
    for name in arguments:
        if name in ("self", "tool_name"):
            raise ToolError(f"{function} got multiple values for argument '{name}'")


def check_arguments(tool: Tool, arguments: Mapping[str, Json], kit: str, typed: bool) -> None:
    """Raise ``ToolError`` for arguments that the tool's schema does not allow.

    Unknown and missing ones are named in Python's words, as in tau2, whose class of tools is
    ``kit``; others, if types are looked at, in plain words.
    """
    properties: Any = tool.parameters["properties"]
    if arguments.keys() != properties.keys():
        _check_names(f"{kit}.{tool.name}()", tool, properties, arguments)
    if typed:
        for name, value in arguments.items():
            _check_type(name, value, properties[name])


def check_as_pydantic(address: Address) -> None:
    """Raise pydantic's own error, in its own words, if a field of the address is no text."""
    _address_model().model_validate(address)


def _check_names(
    function: str, tool: Tool, properties: Collection[str], arguments: Mapping[str, Json]
) -> None:
    for name in arguments:
        if name not in properties:
            raise ToolError(f"{function} got an unexpected keyword argument '{name}'")
    required = cast("list[str]", tool.parameters["required"])
    missing = [f"'{name}'" for name in required if name not in arguments]
    if not missing:
        return
    plural = "s" if len(missing) > 1 else ""
    listed = " and ".join(missing) if len(missing) < 3 else _series(missing)
    raise ToolError(
        f"{function} missing {len(missing)} required positional argument{plural}: {listed}"
    )


def _series(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])}, and {words[-1]}"


def _check_type(name: str, value: Json, schema: Schema) -> None:
    choices = cast("Sequence[Schema]", schema.get("anyOf", (schema,)))
    fitting = [one for one in choices if "type" not in one or _is_of(value, str(one["type"]))]
    if not fitting:
        wanted = " or ".join(map(_described, choices))
        raise ToolError(f"{name} should be {wanted}, found {_KINDS[type(value)]}")
    chosen = fitting[0]
    allowed = cast("list[Json] | None", chosen.get("enum"))
    if allowed is not None and value not in allowed:
        shown = ", ".join(str(one) for one in allowed)
        raise ToolError(f"{name} should be one of {shown}; found {value!r}")
    if isinstance(value, list) and "items" in chosen:
        _check_list(name, value, cast("Schema", chosen["items"]))
    if isinstance(value, dict):
        _check_fields(name, value, chosen)


def _check_list(name: str, values: Sequence[Json], schema: Schema) -> None:
    wanted = str(schema.get("type", ""))
    for value in values:
        if wanted and not _is_of(value, wanted):
            found = _KINDS[type(value)]
            raise ToolError(f"{name} should be a list of {wanted}s, found {found} in it")
        if isinstance(value, dict):
            _check_fields(name, value, schema, each=True)
        else:
            _check_type(f"each of {name}", value, schema)


def _check_fields(
    name: str, value: Mapping[str, Json], schema: Schema, *, each: bool = False
) -> None:
    properties = cast("Mapping[str, Schema]", schema.get("properties", {}))
    required = cast("Sequence[str]", schema.get("required", ()))
    for field in required:
        if field not in value:
            whole = f"each of {name}" if each else name
            raise ToolError(f"{whole} needs {', '.join(required)}; found no {field}")
    for field, field_schema in properties.items():
        if field in value:
            _check_type(f"{field} in {name}", value[field], field_schema)


def _is_of(value: Json, kind: str) -> bool:
    return type(value) in _ALLOWED[kind]


def _described(schema: Schema) -> str:
    kind = str(schema["type"])
    if kind == "null":
        return kind
    if kind == "array":
        items = cast("Schema", schema.get("items", {}))
        return f"a list of {items['type']}s" if "type" in items else "a list"
    return f"{'an' if kind in ('integer', 'object') else 'a'} {kind}"


@cache
def _address_model() -> type[BaseModel]:
    """A model whose errors read like those of tau2's model of the same name."""
    from pydantic import create_model

    fields: dict[str, Any] = {field: (str, ...) for field in Address.__annotations__}
    return create_model("UserAddress", **fields)
