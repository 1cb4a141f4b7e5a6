"""The marks of list items in a Word file: bullets and numbers stand in a part of their own."""

from __future__ import annotations

import re
from typing import Any

from studio.manuscript.word_package import Package, Style, W

_MAX_LEVEL = 8
_DEEPER = re.compile(r"^List (?:Bullet|Number) ([2-5])$", re.I)


class Numbering:
    """Which mark an item has; numbers are counted as the items come."""

    def __init__(self, package: Package) -> None:
        root = package.xml("word/numbering.xml")
        abstract = {e.get(f"{{{W}}}abstractNumId"): e for e in root if e.tag == f"{{{W}}}abstractNum"}
        self._lists = {
            e.get(f"{{{W}}}numId"): abstract.get(_value(e, "abstractNumId")) for e in root if e.tag == f"{{{W}}}num"
        }
        self._counts: dict[tuple[str, int], int] = {}
        self._indents: dict[int, int] = {}  # level → where what stands in an item begins

    def mark(self, paragraph: Any, style: Style) -> tuple[str, str] | None:
        """Indent and mark of an item; None for a paragraph that is none."""
        id, level = "", 0
        for properties in reversed(style.properties):  # the nearest says the last word
            numbered = properties.find(f"{{{W}}}numPr")
            if numbered is not None:
                id = _value(numbered, "numId") or id
                level = min(_MAX_LEVEL, _number(_value(numbered, "ilvl"), level))
        if id in ("", "0") or self._lists.get(id) is None:
            return None
        if not level and (deep := _DEEPER.search(style.names[0] if style.names else "")):
            level = int(deep[1]) - 1  # Word's own styles are lists of their own, one a level
        kind, start = self._level(id, level)
        if kind == "none":
            return None
        mark = "- "
        if kind != "bullet":
            number = self._counts[id, level] = self._counts.get((id, level), start - 1) + 1
            for deeper in range(level + 1, _MAX_LEVEL + 1):
                self._counts.pop((id, deeper), None)
            mark = f"{number}. "
        indent = self._indents.get(level - 1, 4 * level) if level else 0
        self._indents[level] = indent + len(mark)
        return " " * indent, mark

    def _level(self, id: str, level: int) -> tuple[str, int]:
        """How a level of a list is numbered, and its first number."""
        for found in self._lists[id] if self._lists[id] is not None else ():  # type: ignore[union-attr]
            if found.tag == f"{{{W}}}lvl" and found.get(f"{{{W}}}ilvl") == str(level):
                return _value(found, "numFmt") or "decimal", _number(_value(found, "start"), 1)
        return "bullet", 1


def _value(parent: Any, name: str) -> str | None:
    found = parent.find(f"{{{W}}}{name}")
    return None if found is None else str(found.get(f"{{{W}}}val", ""))


def _number(text: str | None, instead: int) -> int:
    return int(text) if text and text.isdigit() and len(text) < 6 else instead
