"""Turn an expression that a user wrote, such as ``reward < 1 or errors > 2``, into a test of a
record. Nothing is evaluated but comparisons of fields and constants.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from harness.errors import ConfigError
from harness.types import Json

LONGEST = 1000
"""Characters of an expression."""

ALLOWED = (
    "Use fields, numbers, 'words', true, false, null, lists, the comparisons < <= == != >= > in, "
    "`not in`, and `and`, `or`, `not`. Example: \"reward < 1 or 'refund' in last\"."
)

_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.eq,
    ast.IsNot: operator.ne,
    ast.In: lambda one, many: _holds(many, one),
    ast.NotIn: lambda one, many: not _holds(many, one),
}
_WORDS: Mapping[str, Json] = {"true": True, "false": False, "null": None, "none": None}


class Unknown(Exception):
    """A field that the record lacks, or values that cannot be compared: there is no answer."""


class Expression:
    """A condition on the fields of a record; ``a.b`` and ``a["b"]`` are the field b in a.

    Raises ``ConfigError`` for what is no such condition.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > LONGEST:
            raise ConfigError(
                f"the condition has {len(text)} characters, more than {LONGEST}",
                hint="Write the verdict into a field of each record, and name that.",
            )
        try:
            self._body = ast.parse(text.strip(), mode="eval").body
            _check(self._body, text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ConfigError(f"{text!r} is no condition: {error}", hint=ALLOWED) from None

    def holds(self, record: Mapping[str, Json]) -> bool | None:
        """Whether the condition holds; None if the record does not say enough to tell."""
        try:
            return bool(_value(self._body, record))
        except Unknown:
            return None


def field_of(record: Mapping[str, Json], path: str) -> Json:
    """The field at a dotted path. Raises ``Unknown`` if it is not there."""
    if path in record:
        return record[path]
    found: Json = dict(record)
    for name in path.split("."):
        found = _part(found, name)
    return found


def _check(node: ast.expr, text: str) -> None:
    for part in ast.walk(node):
        if not isinstance(part, _PARTS):
            raise ConfigError(
                f"{ast.unparse(part) or type(part).__name__!r} cannot stand in {text!r}",
                hint=ALLOWED,
            )


_PARTS = (
    ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.Compare, ast.cmpop, ast.Name,
    ast.Attribute, ast.Subscript, ast.Constant, ast.List, ast.Tuple, ast.Load,
)  # fmt: skip


def _value(node: ast.expr, record: Mapping[str, Json]) -> Json:
    if isinstance(node, ast.BoolOp):
        return _both(node, record)
    if isinstance(node, ast.UnaryOp):
        return _turned(node, record)
    if isinstance(node, ast.Compare):
        return _compared(node, record)
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(item, record) for item in node.elts]
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str | int | float | bool) else None
    return _named(node, record)


def _named(node: ast.expr, record: Mapping[str, Json]) -> Json:
    if isinstance(node, ast.Attribute):
        if (name := ast.unparse(node)) in record:  # as attributes of OpenTelemetry are named
            return record[name]
        return _part(_value(node.value, record), node.attr)
    if isinstance(node, ast.Subscript):
        key = _value(node.slice, record)
        return _part(_value(node.value, record), key)
    assert isinstance(node, ast.Name)
    if node.id in record:
        return record[node.id]
    if node.id.lower() in _WORDS:
        return _WORDS[node.id.lower()]
    raise Unknown(node.id)


def _part(value: Json, key: Json) -> Json:
    if isinstance(value, dict) and isinstance(key, str) and key in value:
        return value[key]
    if isinstance(value, list) and str(key).lstrip("-").isdigit():
        index = int(str(key))
        if -len(value) <= index < len(value):
            return value[index]
    raise Unknown(str(key))


def _both(node: ast.BoolOp, record: Mapping[str, Json]) -> bool:
    """Of three values: a part without an answer does not matter where another decides."""
    decisive = isinstance(node.op, ast.Or)
    unknown: Unknown | None = None
    for part in node.values:
        try:
            if bool(_value(part, record)) == decisive:
                return decisive
        except Unknown as lacking:
            unknown = lacking
    if unknown is not None:
        raise unknown
    return not decisive


def _turned(node: ast.UnaryOp, record: Mapping[str, Json]) -> Json:
    value = _value(node.operand, record)
    if isinstance(node.op, ast.Not):
        return not value
    if isinstance(value, int | float):
        return -value
    raise Unknown("-")


def _compared(node: ast.Compare, record: Mapping[str, Json]) -> bool:
    left = _value(node.left, record)
    for comparison, other in zip(node.ops, node.comparators, strict=True):
        right = _value(other, record)
        try:
            if not _COMPARISONS[type(comparison)](left, right):
                return False
        except TypeError as error:
            raise Unknown(str(error)) from None
        left = right
    return True


def _holds(many: Json, one: Json) -> bool:
    if isinstance(many, str):
        return isinstance(one, str) and one.casefold() in many.casefold()
    if isinstance(many, list):
        return one in many
    if isinstance(many, dict):
        return isinstance(one, str) and one in many
    raise Unknown("in")
