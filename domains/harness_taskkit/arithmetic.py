"""Turn a line of arithmetic into its value, refusing what would take for ever."""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from harness_taskkit.state import ToolError

_ALLOWED = "0123456789+-*/(). "
_MAX_BITS = 4096
_MAX_LENGTH = 300
_ENDLESS_BITS = 2**20
"""A number longer than this cannot be worked out further in reasonable time."""

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


def evaluate_as_python(expression: str) -> str:
    """What Python makes of the text, rounded to two decimals, in its own words if it fails.

    Allowed are the characters that ``evaluate`` allows. Where there are powers, ``ToolError`` for
    those and for products longer than 2**20 bits, on which Python might work very long.
    """
    if not all(character in _ALLOWED for character in expression):
        raise ToolError("Invalid characters in expression")
    names = {"power": _power, "product": _product}
    value = eval(_compiled(expression), {"__builtins__": None}, names)
    return str(round(float(value), 2))


def _compiled(expression: object) -> Any:
    """The text as code; what is no text is returned as it is, for ``eval`` to refuse."""
    if not isinstance(expression, str):
        return expression
    text = expression.lstrip(" ")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        if "**" not in text:
            return compile(text, "<string>", "eval")
        tree = _BoundedPowers().visit(ast.parse(text, "<string>", "eval"))
        return compile(ast.fix_missing_locations(tree), "<string>", "eval")


class _BoundedPowers(ast.NodeTransformer):
    """Put the functions ``power`` and ``product`` in the place of ``**`` and ``*``."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        name = {ast.Pow: "power", ast.Mult: "product"}.get(type(node.op))
        if name is None:
            return node
        function = ast.Name(id=name, ctx=ast.Load())
        return ast.Call(func=function, args=[node.left, node.right], keywords=[])


def _power(base: Any, exponent: Any) -> Any:
    if _bits_of_power(base, exponent) > _ENDLESS_BITS:
        raise ToolError("Exponent too large")
    return base**exponent


def _product(left: Any, right: Any) -> Any:
    are_integers = isinstance(left, int) and isinstance(right, int)
    if are_integers and left.bit_length() + right.bit_length() > _ENDLESS_BITS:
        raise ToolError("Number too large")
    return left * right


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
            if isinstance(op, ast.Pow) and _bits_of_power(base, exponent) > _MAX_BITS:
                raise ToolError("Exponent too large")
            return _BINARY[type(op)](base, exponent)
    raise ToolError("Invalid expression")


def _bits_of_power(base: Number, exponent: Number) -> int:
    """About how long the result is, in bits; 0 if it is no long integer."""
    if not isinstance(base, int) or not isinstance(exponent, int) or base == 0:
        return 0
    return (base.bit_length() - 1) * max(exponent, 0)
