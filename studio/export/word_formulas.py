"""Formulas as Word's own (Office MathML), so that they stay formulas when the document is edited.

Source: ECMA-376 part 1, chapter 22.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from docx.oxml import OxmlElement
from docx.oxml.ns import qn

from studio.markdown import MathElement

_BRACES = {"⏞", "⏟", "⎴", "⎵", "⏜", "⏝", "→", "←", "↔"}
_COMBINING = {
    "ˆ": "\u0302",
    "^": "\u0302",
    "˜": "\u0303",
    "~": "\u0303",
    "˙": "\u0307",
    "¨": "\u0308",
    "´": "\u0301",
    "`": "\u0300",
    "ˇ": "\u030c",
    "˘": "\u0306",
    "⃗": "\u20d7",
}
_STRIKES = {"updiagonalstrike": "strikeBLTR", "downdiagonalstrike": "strikeTLBR", "horizontalstrike": "strikeH"}


def word_formula(formula: MathElement) -> Any:
    """The `m:oMath` element, or an `m:oMathPara` around it where the formula stands on a line of its own."""
    formula_element = _element("oMath", *_row(formula.children))
    return _element("oMathPara", formula_element) if formula.is_display else formula_element


def _element(name: str, *children: Any, **values: str) -> Any:
    element = OxmlElement(f"m:{name}")
    for key, value in values.items():
        element.set(qn(f"m:{key}"), value)
    element.extend(children)
    return element


def _row(elements: Sequence[MathElement]) -> list[Any]:
    """Elements side by side. A large operator takes what follows it along."""
    converted: list[Any] = []
    rest = list(elements)
    while rest:
        element = rest.pop(0)
        if (operator := _operator(element)) and rest:
            converted.append(_large(element, operator, _row([rest.pop(0)])))
        else:
            converted += _convert(element)
    return converted


def _part(name: str, *elements: MathElement) -> Any:
    """An argument: `m:e`, `m:num`, `m:sub` …"""
    return _element(name, *_row(elements))


def _convert(element: MathElement) -> list[Any]:
    children = element.children
    match element.name, len(children):
        case (("mi" | "mn" | "mo" | "mtext"), _):
            return _letters(element)
        case "mspace", _:
            return [_run(" ", upright=True)] if element.get("width") not in ("", "0") else []
        case "mfrac", 2:
            bar = "noBar" if element.get("linethickness") == "0" else "bar"
            kind = _element("fPr", _element("type", val=bar))
            return [_element("f", kind, _part("num", children[0]), _part("den", children[1]))]
        case "msqrt", _:
            return [
                _element("rad", _element("radPr", _element("degHide", val="1")), _element("deg"), _part("e", *children))
            ]
        case "mroot", 2:
            return [_element("rad", _part("deg", children[1]), _part("e", children[0]))]
        case "msub", 2:
            return [_element("sSub", _part("e", children[0]), _part("sub", children[1]))]
        case "msup", 2:
            return [_element("sSup", _part("e", children[0]), _part("sup", children[1]))]
        case "msubsup", 3:
            parts = zip(("e", "sub", "sup"), children, strict=True)
            return [_element("sSubSup", *(_part(name, child) for name, child in parts))]
        case "munder", 2:
            return [_beside("limLow", children[0], children[1])]
        case "mover", 2:
            return [_beside("limUpp", children[0], children[1])]
        case "munderover", 3:
            lower = _element("limLow", _part("e", children[0]), _part("lim", children[1]))
            return [_element("limUpp", _element("e", lower), _part("lim", children[2]))]
        case "mtable", _:
            return [_matrix(children)]
        case "menclose", _:
            return [_enclosed(element)]
        case "mphantom", _:
            return [_element("phant", _element("phantPr", _element("show", val="0")), _part("e", *children))]
    if not element.fences:
        return _row(children)
    opens, closes = element.fences
    properties = _element("dPr", _element("begChr", val=opens), _element("endChr", val=closes))
    return [_element("d", properties, _part("e", *children[1:-1]))]


def _letters(element: MathElement) -> list[Any]:
    text = element.visible_text
    if not text:
        return []
    italic = element.name == "mi" and len(text) == 1 and element.get("mathvariant") != "normal"
    return [_run(text, upright=not italic, words=element.name == "mtext")]


def _run(text: str, upright: bool, words: bool = False) -> Any:
    letters = _element("t")
    letters.text = text
    letters.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    style = [_element("nor")] if words else [_element("sty", val="p")] if upright else []
    run = _element("r", *([_element("rPr", *style)] if style else []))
    if not words:  # a formula's letters stand in its own font
        fonts = OxmlElement("w:rFonts")
        for script in ("ascii", "hAnsi"):
            fonts.set(qn(f"w:{script}"), "Cambria Math")
        properties = OxmlElement("w:rPr")
        properties.append(fonts)
        run.append(properties)
    run.append(letters)
    return run


def _operator(element: MathElement) -> str:
    """The large operator that an element is, or has limits at."""
    if element.name in ("msub", "msup", "msubsup", "munder", "mover", "munderover") and element.children:
        element = element.children[0]
    return element.text if element.is_large else ""


def _large(element: MathElement, operator: str, body: list[Any]) -> Any:
    limits = dict(zip(_LIMITS.get(element.name, ()), element.children[1:], strict=False))
    place = "undOvr" if element.name.startswith(("munder", "mover")) else "subSup"
    properties = [_element("chr", val=operator), _element("limLoc", val=place)]
    properties += [_element(f"{name}Hide", val="1") for name in ("sub", "sup") if name not in limits]
    parts = (_part(name, limits[name]) if name in limits else _element(name) for name in ("sub", "sup"))
    return _element("nary", _element("naryPr", *properties), *parts, _element("e", *body))


_LIMITS = {
    **dict.fromkeys(("msub", "munder"), ("sub",)),
    **dict.fromkeys(("msup", "mover"), ("sup",)),
    **dict.fromkeys(("msubsup", "munderover"), ("sub", "sup")),
}


def _beside(kind: str, base: MathElement, sign: MathElement) -> Any:
    """Something over or under something: a line, an accent, a brace, or words."""
    above = kind == "limUpp"
    mark = sign.text if sign.name == "mo" else ""
    if sign.is_bar:
        return _element("bar", _element("barPr", _element("pos", val="top" if above else "bot")), _part("e", base))
    if above and sign.is_accent and mark != "→":
        accent = _element("accPr", _element("chr", val=_COMBINING.get(mark, mark)))
        return _element("acc", accent, _part("e", base))
    if mark in _BRACES:
        place = _element("pos", val="top" if above else "bot")
        line = _element("vertJc", val="bot" if above else "top")
        return _element("groupChr", _element("groupChrPr", _element("chr", val=mark), place, line), _part("e", base))
    return _element(kind, _part("e", base), _part("lim", sign))


def _matrix(rows: tuple[MathElement, ...]) -> Any:
    columns = [
        _element("mc", _element("mcPr", _element("count", val="1"), _element("mcJc", val=cell.alignment or "center")))
        for cell in max((row.children for row in rows), key=len, default=())
    ]
    lines = (_element("mr", *(_cell(cell) for cell in row.children)) for row in rows)
    return _element("m", _element("mPr", _element("mcs", *columns)), *lines)


def _cell(cell: MathElement) -> Any:
    """One that begins with a sign has something before it: LibreOffice else misses it."""
    begins = not cell.children or cell.children[0].name == "mo"
    return _element("e", *([_run("\u200b", upright=True, words=True)] if begins else []), *_row(cell.children))


def _enclosed(element: MathElement) -> Any:
    strike = _STRIKES.get(element.get("notation").split(" ")[0])
    hide = [_element(f"hide{side}", val="1") for side in ("Top", "Bot", "Left", "Right")] if strike else []
    return _element(
        "borderBox",
        _element("borderBoxPr", *hide, *([_element(strike, val="1")] if strike else [])),
        _part("e", *element.children),
    )
