"""Arithmetic for models that cannot: an expression in Python's syntax, or a linear equation, calculated without running
any code."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from studio.errors import InputError
from studio.tools.registry import FixedTools, SimpleTool, ToolContext, ToolResult, ToolSource

MAX_LENGTH = 500  # characters
MAX_DEPTH = 50
MAX_BITS = 10_000  # of a whole number; 3,010 digits
Number = int | float

_NAMES: Mapping[str, Number] = {"pi": math.pi, "e": math.e, "tau": math.tau}
_FUNCTIONS: Mapping[str, Callable[..., Number]] = {
    **{name: getattr(math, name) for name in "sqrt sin cos tan asin acos atan exp log log2 log10 floor ceil".split()},
    **{name: getattr(math, name) for name in "degrees radians gcd hypot".split()},
    **{"abs": abs, "round": round, "min": min, "max": max},
}
_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Number]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_SIGNS = str.maketrans({"×": "*", "÷": "/", "−": "-", "＝": "=", "（": "(", "）": ")", "，": ",", "^": "**"})


class Calculator(SimpleTool):
    """See the module."""

    name = "calculator"
    words = ("Calculator", "计算器")
    description = (
        "Calculate an arithmetic expression, for example sqrt(2) * (3 + 4) ** 2, or solve a linear equation: 2*x = 6.",
        "计算一个算式，例如 sqrt(2) * (3 + 4) ** 2，或解一元一次方程：2*x = 6。",
    )
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {"expression": {"type": "string", "description": "The expression / 算式"}},
        "required": ["expression"],
    }

    def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Raises InputError for what is no arithmetic, and for results without bounds."""
        expression = str(arguments["expression"]).strip()
        if solved := solve(expression):
            return ToolResult("{} = {}".format(*solved))
        return ToolResult(f"{expression} = {calculate(expression)}")


def solve(equation: str) -> tuple[str, Number] | None:
    """The unknown of a linear equation, such as 2*X = 1360, and its value; None for what is none."""
    left, equals, right = equation.translate(_SIGNS).partition("=")
    unknowns = {*re.findall(r"[A-Za-z]\w*", f"{left} {right}")} - {*_NAMES, *_FUNCTIONS}
    if not (equals and right.strip() and len(unknowns) == 1):
        return None
    (unknown,) = unknowns
    difference = re.sub(rf"(?<=\d)\s*(?={unknown}\b)", "*", f"({left}) - ({right})")  # 2x is 2*x
    try:
        constant, one, far = (calculate(re.sub(rf"\b{unknown}\b", f"({x})", difference)) for x in (0, 1, 1000))
        slope = one - constant
        if not slope or not math.isclose(far, 1000 * slope + constant, rel_tol=1e-9, abs_tol=1e-9):
            return None
        value = -constant / slope
    except (InputError, OverflowError):
        return None
    return unknown, int(value) if float(value).is_integer() else value


def calculate(expression: str) -> Number:
    """The value of an expression. Raises InputError."""
    shown = expression[:100]
    if len(expression) > MAX_LENGTH:
        raise InputError("calculation_wrong", expression=shown, cause=f"it has more than {MAX_LENGTH} characters")
    try:
        return _value(ast.parse(expression.translate(_SIGNS).strip().removesuffix("=").strip(), mode="eval").body, 0)
    except ZeroDivisionError as e:
        raise InputError("calculation_wrong", expression=shown, cause="it divides by zero") from e
    except (SyntaxError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as e:
        cause = e.msg if isinstance(e, SyntaxError) else str(e)
        raise InputError("calculation_wrong", expression=shown, cause=cause.rstrip(".")) from e


def _value(node: ast.expr, depth: int) -> Number:
    if depth > MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return _bounded(value)
        case ast.Name(id=name) if name in _NAMES:
            return _NAMES[name]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_value(operand, depth + 1))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_value(left, depth + 1), _value(right, depth + 1))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _bounded(_BINARY[type(op)](_value(left, depth + 1), _value(right, depth + 1)))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _bounded(_FUNCTIONS[name](*(_value(arg, depth + 1) for arg in args)))
    raise ValueError(f"{ast.unparse(node)[:50]} is no arithmetic")


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * abs(exponent) > MAX_BITS:
        raise OverflowError("the result is too large")
    value = base**exponent
    if isinstance(value, complex):
        raise ValueError("the result is no real number")
    return _bounded(value)


def _bounded(value: Number) -> Number:
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise OverflowError("the result is too large")
    return value


TOOLS = ToolSource(40, lambda settings: FixedTools(Calculator()))
