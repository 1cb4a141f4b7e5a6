"""Styled words of a Word file as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from studio.manuscript.plain_text import escape_line, escape_words
from studio.manuscript.word_package import W

_OFF = ("0", "false", "off", "none")
_MONOSPACED = re.compile(r"courier|consolas|mono|menlo|cascadia", re.I)
_LINK = re.compile(r"(https?://|mailto:)\S+$", re.I)


@dataclass(frozen=True)
class Run:
    """Words in one style; `raw` ones are Markdown already. A line break is `\\n`."""

    text: str
    bold: bool = False
    italic: bool = False
    struck: bool = False
    code: bool = False
    link: str = ""
    raw: bool = False

    @classmethod
    def style_of(cls, properties: Any, link: str) -> Run | None:
        """The style that a run's properties say, without words; None where they hide it."""
        if properties is None:
            return cls("", link=link)
        if _is_on(properties, "vanish"):
            return None
        fonts = properties.find(f"{{{W}}}rFonts")
        code = fonts is not None and bool(_MONOSPACED.search(fonts.get(f"{{{W}}}ascii", "")))
        struck = _is_on(properties, "strike") or _is_on(properties, "dstrike")
        return cls("", _is_on(properties, "b"), _is_on(properties, "i"), struck, code, link)

    def with_text(self, text: str) -> Run:
        """The same style for other words."""
        return replace(self, text=text)

    def plain(self) -> Run:
        """The same words without emphasis."""
        return replace(self, bold=False, italic=False, struck=False)


def to_markdown(runs: list[Run]) -> str:
    """The words of a paragraph; a line break is a hard one."""
    lines, made = [list[Run]()], []
    for run in runs:
        first, *rest = run.text.split("\n")
        lines[-1].append(run.with_text(first))
        lines += [[run.with_text(part)] for part in rest]
    for line in lines:
        words = "".join(map(_marked, _merged(line))).strip()
        made.append(escape_line(words, escaped=True))
    return "\\\n".join(line for line in made if line)


def _merged(runs: Iterable[Run]) -> Iterator[Run]:
    """Neighbours of one style as one run; blanks between them belong to what is before."""
    last: Run | None = None
    for run in runs:
        if not run.text:
            continue
        if last and (replace(last, text="") == replace(run, text="") or (not run.text.strip() and not run.raw)):
            last = replace(last, text=last.text + run.text)
            continue
        if last:
            yield last
        last = run
    if last:
        yield last


def _marked(run: Run) -> str:
    """Words with their marks, which touch them: blanks stand outside."""
    if run.raw or not run.text.strip():
        return run.text
    words = run.text.strip()
    before, after = run.text[: len(run.text) - len(run.text.lstrip())], run.text[len(run.text.rstrip()) :]
    if run.code:
        mark = "`" * (1 + max((len(found) for found in re.findall("`+", words)), default=0))
        pad = " " if "`" in words else ""
        words = f"{mark}{pad}{words}{pad}{mark}"
    else:
        words = escape_words(words)
    for on, mark in ((run.struck, "~~"), (run.italic, "*"), (run.bold, "**")):
        words = f"{mark}{words}{mark}" if on else words
    if _LINK.match(run.link):
        words = f"[{words}](<{run.link}>)"
    return before + words + after


def _is_on(properties: Any, name: str) -> bool:
    found = properties.find(f"{{{W}}}{name}")
    return found is not None and found.get(f"{{{W}}}val", "1") not in _OFF
