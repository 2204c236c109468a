"""Turn a line of arithmetic into its value, refusing what would take for ever."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

from harness_retail.state import ToolError

_MAX_BITS = 4096
_MAX_LENGTH = 300
_ALLOWED = frozenset("0123456789+-*/(). ")

Number = float  # or int, or complex where a negative number has a root

_BINARY: Mapping[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}


def evaluate(expression: str) -> str:
    """The value rounded to two decimals, as text.

    Only digits and ``+-*/(). `` are allowed (so ``**`` and ``//`` too). Raises ``ToolError`` for
    other characters, beyond 300 characters, and for powers whose result is huge; Python's own
    errors for the rest.
    """
    if not all(character in _ALLOWED for character in expression):
        raise ToolError("Invalid characters in expression")
    if len(expression) > _MAX_LENGTH:
        raise ToolError("Expression too long")
    tree = ast.parse(expression.strip(), "<string>", "eval")
    return str(round(float(_value(tree.body)), 2))


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(left=left, op=op, right=right):
            base, exponent = _value(left), _value(right)
            if isinstance(op, ast.Pow) and _is_huge(base, exponent):
                raise ToolError("Exponent too large")
            return _BINARY[type(op)](base, exponent)
    raise ToolError("Invalid expression")


def _is_huge(base: Number, exponent: Number) -> bool:
    if not isinstance(base, int) or not isinstance(exponent, int):
        return False
    return base.bit_length() * abs(exponent) > _MAX_BITS
