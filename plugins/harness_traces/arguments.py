"""Turn the arguments of a call into what is wrong with them by themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.protocols import UNPARSED
from harness.types import Json, Tool, ToolCall


def objection(call: ToolCall, tool: Tool | None) -> str:
    """What is wrong with the arguments by the tool's schema, in words; "" if nothing is."""
    if UNPARSED in call.arguments:
        return "they are no JSON object"
    if tool is None:
        return ""
    required, properties = tool.parameters.get("required"), tool.parameters.get("properties")
    for name in required if isinstance(required, list) else []:
        if name not in call.arguments:
            return f"{name} is missing"
    for name, schema in properties.items() if isinstance(properties, dict) else ():
        if name in call.arguments and isinstance(schema, dict):
            value = call.arguments[name]
            if not _fits(value, schema.get("type")):
                return f"{name} is {type(value).__name__}, not {schema.get('type')}"
    return ""


_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def _fits(value: Json, wanted: Json) -> bool:
    kinds = wanted if isinstance(wanted, list) else [wanted]
    known = [_TYPES[kind] for kind in kinds if isinstance(kind, str) and kind in _TYPES]
    if not known or len(known) < len(kinds):
        return True
    if isinstance(value, bool):
        return (bool,) in known
    return any(isinstance(value, types) for types in known)


def is_id(value: str) -> bool:
    """Whether the value looks like one that is looked up, not made up: no date, no amount."""
    digits = sum(c.isdigit() for c in value)
    if re.fullmatch(r"\d{4}-\d\d-\d\d.*", value) or " " in value or value.startswith("["):
        return False
    return digits >= 6 or (
        digits >= 3 and digits < len(value) and not value.replace(".", "").isdigit()
    )
