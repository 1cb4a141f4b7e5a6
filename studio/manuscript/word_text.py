"""A Word file as Markdown with its pictures: headings, lists, tables, quotes, code, bold and italic words, links,
footnotes, text boxes. What was deleted under tracked changes, comments, headers and footers are left out.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from typing import Any

from studio.documents.article import Article, Picture
from studio.errors import InputError
from studio.manuscript.markdown_text import WORD, read_markdown
from studio.manuscript.plain_text import escape_line
from studio.manuscript.word_lists import Numbering
from studio.manuscript.word_package import A, M, Package, R, W, is_word, open_package
from studio.manuscript.word_runs import Run, to_markdown

__all__ = ["is_word", "read_word"]

Take = Callable[[bytes, str], Picture]
_HEADING = re.compile(r"heading (\d)$", re.I)
_CODE = re.compile(r"code|preformatted|verbatim|source", re.I)
_FIGURES = f"{{{A}}}blip", "{urn:schemas-microsoft-com:vml}imagedata"
_SKIPPED = {f"{{{W}}}{name}" for name in ("del", "moveFrom", "instrText", "delText", "pPr", "rPr", "commentReference")}
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"


def read_word(data: bytes, name: str, take: Take) -> Article:
    """The article of a Word file. Raises InputError for one that cannot be opened, and for what is no text file."""
    package = open_package(data, name)
    text = "\n\n".join(_Reader(package).document())

    def find(source: str) -> Picture:
        if not source.startswith(WORD):
            raise InputError("picture_elsewhere", name=source[:200])
        part = source.removeprefix(WORD)
        return take(package.read(part), posixpath.basename(part))

    return read_markdown(text, find, name.rpartition(".")[0])


class _Reader:
    """The blocks of the document, in order."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._numbering = Numbering(package)
        self._notes: list[tuple[str, str]] = []  # kind and id, in the order of their marks
        self._boxes: list[Any] = []  # text boxes of the paragraph at work
        self._pictures: list[str] = []  # … and its pictures, as marks

    def document(self) -> Iterator[str]:
        """Markdown blocks; the notes at the end."""
        body = self._package.document.find(f"{{{W}}}body")
        yield from self._blocks(body if body is not None else ())
        for number, (kind, id) in enumerate(self._notes, 1):
            note = self._package.note(kind, id)
            words = " ".join(self._blocks(note)) if note is not None else ""
            yield f"[^{number}]: {words}"

    def _blocks(self, parent: Any) -> Iterator[str]:
        code: list[str] = []
        previous, last = "", ""  # the list item before, and whether the last block was one
        for element in _content(parent):
            if element.tag == f"{{{W}}}tbl":
                kind, block = "table", self._table(element)
            else:
                kind, block = self._paragraph(element)
            if kind == "code":
                code.append(block)
            elif code:
                yield _fence(code)
                code = []
            if kind == "item" and last == "item":
                previous += "\n" + block
            elif kind == "item":
                previous = block
            if kind != "item" and last == "item":
                yield previous
            if kind not in ("code", "item") and block.strip():
                yield block
            last = kind
            yield from self._beside()
        if code:
            yield _fence(code)
        if last == "item":
            yield previous

    def _beside(self) -> Iterator[str]:
        """Pictures and text boxes of the paragraph or table that has ended."""
        pictures, self._pictures = self._pictures, []
        boxes, self._boxes = self._boxes, []
        yield from pictures
        for box in boxes:
            yield from self._blocks(box)

    def _paragraph(self, element: Any) -> tuple[str, str]:
        """What it is, and its Markdown."""
        style = self._package.style(element)
        runs = list(self._runs(element))
        if any(_CODE.search(name) for name in style.names[:1]):
            return "code", "".join(run.text for run in runs)
        words = to_markdown(runs)
        name = next((n.lower() for n in style.names if n.lower() in ("title", "caption") or _HEADING.match(n)), "")
        if heading := _HEADING.match(name):
            return "heading", f"{'#' * min(6, int(heading[1]))} {_one_line(words)}" if words.strip() else ""
        if style.outline is not None and style.outline < 6 and not name:
            return "heading", f"{'#' * (style.outline + 1)} {_one_line(words)}" if words.strip() else ""
        if name == "title":
            return "heading", f"# {_one_line(words)}" if words.strip() else ""
        if name == "caption" and words.strip():
            return "caption", f"*{_one_line(to_markdown([run.plain() for run in runs]))}*"
        if any("quote" in n.lower() for n in style.names):
            return "quote", "\n".join(f"> {line}" for line in words.split("\n")) if words.strip() else ""
        if words.strip() and (item := self._numbering.mark(element, style)):
            indent, mark = item
            return "item", indent + mark + words.replace("\n", "\n" + indent + " " * len(mark))
        return "paragraph", words

    def _runs(self, element: Any, link: str = "") -> Iterator[Run]:
        """The words of a paragraph by their styles."""
        for child in element:
            tag = child.tag
            if tag in _SKIPPED or tag == _FALLBACK:
                continue
            if tag == f"{{{W}}}r":
                yield from self._run(child, link)
            elif tag == f"{{{W}}}hyperlink":
                yield from self._runs(child, self._package.link(child.get(f"{{{R}}}id", "")))
            elif tag == f"{{{M}}}oMath":
                yield Run("".join(t.text or "" for t in child.iter(f"{{{M}}}t")))
            elif isinstance(tag, str) and tag != f"{{{W}}}txbxContent":
                yield from self._runs(child, link)

    def _run(self, run: Any, link: str) -> Iterator[Run]:
        style = Run.style_of(run.find(f"{{{W}}}rPr"), link)
        if style is None:
            return
        for child in run:
            match child.tag.rpartition("}")[2] if isinstance(child.tag, str) else "":
                case "t":
                    yield style.with_text(child.text or "")
                case "tab":
                    yield style.with_text(" ")
                case "br" | "cr":
                    if child.get(f"{{{W}}}type") not in ("page", "column"):
                        yield style.with_text("\n")
                case "noBreakHyphen":
                    yield style.with_text("\u2011")
                case "footnoteReference" | "endnoteReference":
                    self._notes.append((child.tag.rpartition("}")[2][:-9], child.get(f"{{{W}}}id", "")))
                    yield Run(f"[^{len(self._notes)}]", raw=True)
                case "drawing" | "pict" | "object" | "AlternateContent":
                    self._figure(child)

    def _figure(self, element: Any) -> None:
        """Pictures and text boxes of a drawing, each once: what old programs would show instead is left out."""
        if element.tag == _FALLBACK:
            return
        if element.tag == f"{{{W}}}txbxContent":
            self._boxes.append(element)
            return
        if element.tag in _FIGURES:
            words = next((d.get("descr") or d.get("title") or "" for d in _properties(element)), "")
            source = self._package.picture(element.get(f"{{{R}}}embed") or element.get(f"{{{R}}}id") or "")
            source = source or self._package.link(element.get(f"{{{R}}}link", ""))
            if source:
                self._pictures.append(f"![{escape_line(' '.join(words.split()))}](<{source}>)")
        for child in element:
            self._figure(child)

    def _table(self, table: Any) -> str:
        """As Markdown; a table that only places words side by side, too. What stands in a cell is one line."""
        rows = []
        for row in table.iter(f"{{{W}}}tr"):
            if _parent_table(row) is not table:
                continue
            cells = []
            for cell in row.findall(f"{{{W}}}tc"):
                words = " ".join(_one_line(to_markdown(list(self._runs(p)))) for p in cell.iter(f"{{{W}}}p")).strip()
                span = cell.find(f"{{{W}}}tcPr/{{{W}}}gridSpan")
                width = int(span.get(f"{{{W}}}val", "1")) if span is not None else 1
                cells += [words, *[""] * (min(width, 64) - 1)]
            rows.append(cells)
        if not rows:
            return ""
        count = max(map(len, rows))
        lines = ["| " + " | ".join(row + [""] * (count - len(row))) + " |" for row in rows]
        return "\n".join([lines[0], "|" + " --- |" * count, *lines[1:]])


def _content(parent: Any) -> Iterator[Any]:
    """Paragraphs and tables, also those inside content controls and insertions."""
    for child in parent:
        if child.tag in (f"{{{W}}}p", f"{{{W}}}tbl"):
            yield child
        elif child.tag not in _SKIPPED and isinstance(child.tag, str) and child.tag != f"{{{W}}}sectPr":
            yield from _content(child)


def _properties(element: Any) -> Iterator[Any]:
    """The properties of the drawing around a picture, with the words that describe it."""
    while element is not None:
        yield from (child for child in element if str(child.tag).endswith(("}docPr", "}cNvPr")))
        element = element.getparent()
        if element is not None and element.tag == f"{{{W}}}r":
            return


def _parent_table(element: Any) -> Any:
    element = element.getparent()
    while element is not None and element.tag != f"{{{W}}}tbl":
        element = element.getparent()
    return element


def _one_line(words: str) -> str:
    return " ".join(words.replace("\\\n", " ").split())


def _fence(lines: list[str]) -> str:
    text = "\n".join(lines)
    mark = "`" * max(3, 1 + max((len(found) for found in re.findall("`+", text)), default=0))
    return f"{mark}\n{text}\n{mark}"
