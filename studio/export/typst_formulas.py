"""Formulas as code of Typst. Source: https://typst.app/docs/reference/math/"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import cycle

from studio.markdown import MathElement

_OVER = {"⏞": "overbrace", "⎴": "overbracket", "⏜": "overparen"}
_UNDER = {"⏟": "underbrace", "⎵": "underbracket", "⏝": "underparen"}
_LENGTH = re.compile(r"(-?[\d.]+)r?em")
_ALIGN = "$&$.body"


def string(text: str) -> str:
    """A string literal."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '\\"':
        return "\\" + char
    return char if char.isprintable() else f"\\u{{{ord(char):x}}}"


def typst_formula(formula: MathElement, block: bool = False) -> str:
    """An expression that shows the formula inside a line, or as a block of its own."""
    inside = _row(formula.children)
    if block:
        return f"math.equation(block: true, {inside})"
    return f"math.equation({f'math.display({inside})' if formula.is_display else inside})"


def _row(elements: Sequence[MathElement]) -> str:
    parts = [part for part in map(_convert, elements) if part]
    return f"({' + '.join(parts)})" if parts else "[]"


def _convert(element: MathElement) -> str:
    children = element.children
    parts = [_row((child,)) for child in children]
    match element.name, len(children):
        case (("mi" | "mn" | "mo" | "mtext"), _):
            return _letters(element)
        case "mspace", _:
            width = _LENGTH.fullmatch(element.get("width"))
            return f"h({width[1]}em)" if width else ""
        case "mfrac", 2 if element.get("linethickness") == "0":
            return f"math.vec(delim: none, {parts[0]}, {parts[1]})"
        case "mfrac", 2:
            return f"math.frac({parts[0]}, {parts[1]})"
        case "msqrt", _:
            return f"math.sqrt({_row(children)})"
        case "mroot", 2:
            return f"math.root({parts[1]}, {parts[0]})"
        case "msub", 2:
            return f"math.attach(math.scripts({parts[0]}), b: {parts[1]})"
        case "msup", 2:
            return f"math.attach(math.scripts({parts[0]}), t: {parts[1]})"
        case "msubsup", 3:
            return f"math.attach(math.scripts({parts[0]}), b: {parts[1]}, t: {parts[2]})"
        case "munder" | "mover", 2:
            return _beside(element.name == "mover", *children)
        case "munderover", 3:
            return f"math.attach({_limits(children[0])}, b: {parts[1]}, t: {parts[2]})"
        case "mtable", _:
            return _matrix(children)
        case "menclose", _:
            return _enclosed(element)
        case "mphantom", _:
            return f"hide({_row(children)})"
    inside = _row(children)
    return f"math.lr({inside})" if element.fences else inside


def _letters(element: MathElement) -> str:
    text = element.visible_text
    if not text:
        return ""
    literal = f"[#{string(text)}]"
    if element.name in ("mn", "mtext"):
        return literal
    if len(text) > 1:
        return f"math.op({string(text)})"
    symbol = f"[#symbol({string(text)})]"
    if size := _LENGTH.fullmatch(element.get("minsize")):
        return f"math.lr(size: {size[1]}em, {symbol})"
    return f"math.upright({symbol})" if element.get("mathvariant") == "normal" else symbol


def _beside(above: bool, base: MathElement, sign: MathElement) -> str:
    """Something over or under something: a line, an accent, a brace, or words."""
    inside, mark = _row((base,)), sign.visible_text if sign.name == "mo" else ""
    if sign.is_bar:
        return f"math.{'over' if above else 'under'}line({inside})"
    if name := (_OVER if above else _UNDER).get(mark):
        return f"math.{name}({inside})"
    if above and sign.is_accent:
        return f"math.accent({inside}, {string(mark)})"
    return f"math.attach({_limits(base)}, {'t' if above else 'b'}: {_row((sign,))})"


def _limits(base: MathElement) -> str:
    """What has something above or below. A sum knows by itself that inside a line it has it at its side."""
    inside = _row((base,))
    return inside if base.is_large else f"math.limits({inside})"


def _matrix(rows: tuple[MathElement, ...]) -> str:
    lines = [[_row(cell.children) for cell in row.children] for row in rows]
    first = [cell.alignment for cell in rows[0].children] if rows else []
    if len(first) > 1 and all(a == b for a, b in zip(first, cycle(("right", "left")), strict=False)):
        # Columns in pairs stand at the sign between them; two points without words between are the room of a pair.
        lines = [[f" + {_ALIGN} + ".join(line)] for line in lines]
    align = f"align: {first[0]}, " if first and first[0] and len(lines[0]) == len(first) else ""
    arrays = ", ".join(f"({', '.join(line)},)" for line in lines if line)
    return f"math.mat(delim: none, {align}{arrays})"


def _enclosed(element: MathElement) -> str:
    inside = _row(element.children)
    if "strike" in element.get("notation"):
        return f"math.cancel({inside}, inverted: {str(element.get('notation').startswith('down')).lower()})"
    return f"box(stroke: 0.5pt, inset: 3pt, baseline: 3pt, math.equation({inside}))"
