"""Markdown as plain blocks of styled runs, for formats that are no HTML: the same reading of it as the web page's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Literal

from studio.export.html import to_html

Kind = Literal["paragraph", "heading", "item", "code", "table", "rule"]
_STYLES = {"b": "bold", "strong": "bold", "i": "italic", "em": "italic", "code": "code", "kbd": "code"} | {
    tag: "struck" for tag in ("s", "del")
}


@dataclass(frozen=True)
class Run:
    """Words in one style. A line break inside is `\\n`."""

    text: str
    bold: bool = False
    italic: bool = False
    code: bool = False
    struck: bool = False
    sub: bool = False
    sup: bool = False
    link: str = ""


Runs = tuple[Run, ...]


@dataclass(frozen=True)
class Block:
    """One block. `level` is a heading's (1..6) or how deep a list item or a quote lies; an item has its `mark`, and
    `list` numbers the list it belongs to; a table has `rows`, of which the first `heads` are its head."""

    kind: Kind
    runs: Runs = ()
    level: int = 0
    quoted: bool = False
    mark: str = ""
    list: int = 0
    rows: tuple[tuple[Runs, ...], ...] = ()
    heads: int = 0

    @property
    def text(self) -> str:
        """All words of it."""
        return "".join(run.text for runs in (self.runs, *(c for row in self.rows for c in row)) for run in runs)


def blocks(markdown: str) -> tuple[Block, ...]:
    """The blocks of a text."""
    reader = _Reader()
    reader.feed(to_html(markdown))
    reader.close()
    return tuple(reader.made())


def line_runs(text: str) -> Runs:
    """A title or a caption: one line, which may have emphasis in it."""
    found = blocks(text)
    return found[0].runs if len(found) == 1 and found[0].kind == "paragraph" else (Run(text),)


@dataclass
class _List:
    ordered: bool
    number: int
    id: int


@dataclass
class _Reader(HTMLParser):
    """Reads the HTML that `to_html` makes, which is well formed and has no other tags."""

    _made: list[Block] = field(default_factory=list)
    _runs: list[Run] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)  # inline tags
    _links: list[str] = field(default_factory=list)
    _lists: list[_List] = field(default_factory=list)
    _rows: list[list[Runs]] = field(default_factory=list)
    _heads: int = 0
    _quotes: int = 0
    _heading: int = 0
    _pre: bool = False
    _mark: str = ""
    _list_count: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def made(self) -> Iterator[Block]:
        """All blocks, the last one closed."""
        self._flush()
        yield from self._made

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "br":
            self._runs.append(self._styled("\n"))
        elif tag == "hr":
            self._flush()
            self._made.append(Block("rule"))
        elif tag in ("p", "blockquote", "pre", "ul", "ol", "li", "table") or re.fullmatch("h[1-6]", tag):
            self._flush()
            self._begin(tag, given)
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._runs.clear()
            self._heads += tag == "th" and not self._rows[-1]
        elif tag == "a":
            self._links.append(given.get("href") or "")
        else:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._rows[-1].append(_trimmed(self._runs))
            self._runs.clear()
        elif tag == "table":
            rows, self._rows = tuple(tuple(row) for row in self._rows), []
            self._made.append(Block("table", rows=rows, heads=self._heads))
        elif tag == "a":
            self._links.pop()
        elif tag in self._open:
            self._open.reverse()
            self._open.remove(tag)
            self._open.reverse()
        elif tag not in ("tr", "thead", "tbody"):
            self._flush()
            self._end(tag)

    def handle_data(self, data: str) -> None:
        text = data if self._pre else re.sub(r"[ \t\r\n]+", " ", data)
        if text:
            self._runs.append(self._styled(text))

    def _begin(self, tag: str, given: dict[str, str | None]) -> None:
        if tag == "blockquote":
            self._quotes += 1
        elif tag == "pre":
            self._pre = True
        elif tag in ("ul", "ol"):
            self._list_count += 1
            start = given.get("start") or "1"
            self._lists.append(_List(tag == "ol", int(start) if start.isdigit() else 1, self._list_count))
        elif tag == "li" and self._lists:
            last = self._lists[-1]
            self._mark = f"{last.number}." if last.ordered else "•"
            last.number += 1
        elif tag == "table":
            self._heads = 0
        elif tag[0] == "h":
            self._heading = int(tag[1])

    def _end(self, tag: str) -> None:
        if tag == "blockquote":
            self._quotes -= 1
        elif tag == "pre":
            self._pre = False
        elif tag in ("ul", "ol"):
            self._lists.pop()
        elif tag == "li":
            self._mark = ""
        elif tag[0] == "h":
            self._heading = 0

    def _flush(self) -> None:
        """What was gathered becomes a block of what it stands in."""
        runs = tuple(self._runs) if self._pre else _trimmed(self._runs)
        self._runs.clear()
        if not any(run.text for run in runs):
            return
        block = Block("paragraph", runs, quoted=self._quotes > 0)
        if self._pre:
            block = replace(block, kind="code", runs=(Run("".join(r.text for r in runs).strip("\n"), code=True),))
        elif self._heading:
            block = replace(block, kind="heading", level=self._heading)
        elif self._lists:
            block = replace(block, kind="item", level=len(self._lists), mark=self._mark, list=self._lists[-1].id)
            self._mark = ""
        self._made.append(block)

    def _styled(self, text: str) -> Run:
        styles = {_STYLES.get(tag, tag): True for tag in self._open}
        known = {name: True for name in styles if name in ("bold", "italic", "code", "struck", "sub", "sup")}
        return Run(text, **known, link=self._links[-1] if self._links else "")


def _trimmed(runs: list[Run]) -> Runs:
    """Without blanks at the ends, around line breaks, and in a row, as a browser shows it; empty runs are gone."""
    kept: list[Run] = []
    edge = True
    for run in runs:
        text = run.text.lstrip(" ") if edge else run.text
        if run.text == "\n" and kept:
            kept[-1] = replace(kept[-1], text=kept[-1].text.rstrip(" "))
        if text:
            kept.append(replace(run, text=text))
            edge = text.endswith((" ", "\n"))
    while kept and not kept[-1].text.rstrip(" \n"):
        kept.pop()
    if kept:
        kept[-1] = replace(kept[-1], text=kept[-1].text.rstrip(" \n"))
    return tuple(run for run in kept if run.text)
