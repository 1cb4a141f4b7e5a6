"""The parts of a Word file, opened as what a stranger sent: sizes are added up before anything is decompressed, XML has
no entities and no document types, and what lies outside the file is never asked for.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from studio.errors import InputError
from studio.library.gather import read_zip
from studio.pictures.cost import MAX_FILE_BYTES

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
M = "http://schemas.openxmlformats.org/officeDocument/2006/math"
_STRICT = {  # ISO's own names for the same
    b"http://purl.oclc.org/ooxml/wordprocessingml/main": W.encode(),
    b"http://purl.oclc.org/ooxml/officeDocument/relationships": R.encode(),
    b"http://purl.oclc.org/ooxml/drawingml/main": A.encode(),
    b"http://purl.oclc.org/ooxml/officeDocument/math": M.encode(),
}
MAX_XML = 24 << 20  # bytes of all parts that are read as XML
MAX_DEPTH = 200  # of elements in each other
_MARK = b"word/document.xml"


@dataclass(frozen=True)
class Style:
    """A paragraph's style: its name and those that it is based on, its level in the outline (0 is the highest), and
    the properties of the paragraph and its styles, the nearest first."""

    names: tuple[str, ...]
    outline: int | None
    properties: tuple[Any, ...]


def is_word(data: bytes) -> bool:
    """Whether a file is a Word document."""
    return data.startswith(b"PK") and _MARK in data


class Package:
    """The parts by name, and what the document's relations lead to."""

    def __init__(self, data: bytes, name: str) -> None:
        self._name, self._spent = name, 0
        self._parts = {file.name: file for file in read_zip(data, name)}
        self.document = self._xml("word/document.xml")
        if self.document is None or self.document.tag != f"{{{W}}}document":
            raise InputError("word_broken", name=name)
        self._relations = {
            r.get("Id", ""): (r.get("Type", "").rpartition("/")[2], r.get("Target", ""), r.get("TargetMode", ""))
            for r in (_or_empty(self._xml("word/_rels/document.xml.rels")))
        }

    def read(self, part: str) -> bytes:
        """The bytes of a part. Raises InputError."""
        if part not in self._parts:
            raise InputError("picture_not_along", name=posixpath.basename(part))
        return self._parts[part].read(MAX_FILE_BYTES)

    def picture(self, id: str) -> str:
        """What a picture's relation leads to inside the file, as `word:PART`; empty where there is nothing."""
        kind, target, mode = self._relations.get(id, ("", "", ""))
        if kind != "image" or mode == "External":
            return ""
        part = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join("word", target))
        return f"word:{part}"

    def link(self, id: str) -> str:
        """The address that a relation leads to outside, empty where it leads to none."""
        _, target, mode = self._relations.get(id, ("", "", ""))
        target = "".join(target.split())
        return target.replace("<", "%3C").replace(">", "%3E") if mode == "External" else ""

    def note(self, kind: str, id: str) -> Any:
        """The element of a `footnote` or `endnote`, or None."""
        notes = self._notes[kind]
        return next((n for n in notes if n.get(f"{{{W}}}id") == id), None)

    def style(self, paragraph: Any) -> Style:
        """The style of a paragraph."""
        own = paragraph.find(f"{{{W}}}pPr")
        properties, names = [own] if own is not None else [], []
        id = _value(own, "pStyle")
        for _ in range(20):  # a chain that leads to itself ends
            style = self._styles.get(id or "")
            if style is None:
                break
            name = style.find(f"{{{W}}}name")
            names.append(name.get(f"{{{W}}}val", "") if name is not None else "")
            given = style.find(f"{{{W}}}pPr")
            properties += [given] if given is not None else []
            id = _value(style, "basedOn")
        levels = [level for p in properties if (level := _value(p, "outlineLvl")) is not None]
        return Style(tuple(names), int(levels[0]) if levels and levels[0].isdigit() else None, tuple(properties))

    def xml(self, part: str) -> Any:
        """A part's root element; an empty sequence where it is missing."""
        return _or_empty(self._xml(part))

    @cached_property
    def _styles(self) -> dict[str, Any]:
        return {s.get(f"{{{W}}}styleId", ""): s for s in self.xml("word/styles.xml") if s.tag == f"{{{W}}}style"}

    @cached_property
    def _notes(self) -> dict[str, Any]:
        return {kind: self.xml(f"word/{kind}s.xml") for kind in ("footnote", "endnote")}

    def _xml(self, part: str) -> Any:
        if part not in self._parts:
            return None
        from lxml import etree

        self._spent += self._parts[part].size
        if self._spent > MAX_XML:
            raise InputError("word_too_large", name=self._name, limit=MAX_XML >> 20)
        data = self._parts[part].read(MAX_FILE_BYTES)
        for strict, usual in _STRICT.items():
            data = data.replace(strict, usual)
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        try:
            root = etree.fromstring(data, parser)
        except (etree.XMLSyntaxError, ValueError) as e:
            raise InputError("word_broken", name=self._name) from e
        if root.getroottree().docinfo.doctype or _is_deep(root):
            raise InputError("word_broken", name=self._name)
        return root


def open_package(data: bytes, name: str) -> Package:
    """The parts of a Word file. Raises InputError for one that is damaged, too large, or protected by a password."""
    return Package(data, name)


def _or_empty(root: Any) -> Any:
    return () if root is None else root


def _value(parent: Any, name: str) -> str | None:
    """The value of a property, None where it is not set."""
    found = parent.find(f"{{{W}}}{name}") if parent is not None else None
    return None if found is None else str(found.get(f"{{{W}}}val", ""))


def _is_deep(root: Any) -> bool:
    """Whether elements stand in each other more often than any text needs."""
    from lxml import etree

    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > MAX_DEPTH:
            return True
    return False
