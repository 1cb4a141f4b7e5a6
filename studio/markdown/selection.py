"""Where words that were selected in a rendered text stand in its Markdown.

The reader itself is asked: a mark that means nothing is put into the source, and where it comes out in the HTML tells
which place of the text that is. A place where the mark changes what is read is none. So this holds for every dialect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape

from studio.markdown.markup import to_html
from studio.markdown.reader import parse

_MARK = "\ue0de"  # for private use: no reader knows it as a sign
_TAG = re.compile(r"<[^>]*>")
_VOID = ("<br", "<hr", "<img")
_BLOCK = re.compile(r"</?(?:p|h[1-6]|ul|ol|li|table|t[hdr]|thead|tbody|pre|blockquote|hr)\b")
_FORMULA = re.compile(r"<math\b.*?</math>", re.DOTALL)
_SIGNS = re.compile(r"([\\`*_~\[\]<>#|$&])")
_MOST_PROBES = 600  # readings of the text


@dataclass(frozen=True)
class _Place:
    """A place of the source: where it is in the HTML, how many characters of text come before it, and the elements
    it is in, by where they begin in the HTML."""

    source: int
    html: int
    text: int
    inside: tuple[int, ...]


def rendered_text(markdown: str) -> str:
    """The characters that a text shows, as a browser counts them."""
    return _text(_html(markdown))


def source_range(markdown: str, start: int, end: int) -> tuple[int, int]:
    """The smallest piece of `markdown` that shows the characters `start` to `end` of its text, with every mark that is
    opened in it closed in it: it grows to whole inline elements, and where blocks are cut to the whole text."""
    source = _Source(markdown)
    try:
        return source.range(max(start, 0), min(end, len(source.text)))
    except _NoPlace:
        return 0, len(markdown)


def replace_words(markdown: str, start: int, end: int, words: str) -> str | None:
    """`markdown` with other words from `start` to `end` of the source, everything around them shown as before. Signs
    that would be read as marks with what stands there are escaped; None where even that does not help."""
    before = _html(markdown[:start] + _MARK + markdown[start:end] + _MARK + markdown[end:])
    for new in (words, _SIGNS.sub(r"\\\1", words)):
        after = _html(markdown[:start] + _MARK + new + _MARK + markdown[end:])
        result = markdown[:start] + new + markdown[end:]
        plain = _html(result)
        if before.count(_MARK) == after.count(_MARK) == 2 and after.replace(_MARK, "") == plain:
            (left, _, right), (new_left, _, new_right) = before.split(_MARK), after.split(_MARK)
            if left == new_left and right == new_right:
                return result
    return None


class _NoPlace(Exception):
    """The reader does not tell where something is."""


class _Source:
    """One text, asked for places."""

    def __init__(self, markdown: str) -> None:
        self.markdown = markdown
        self.html = _html(markdown)
        self.text = _text(self.html).rstrip("\n")
        self._known: dict[int, _Place | None] = {}

    def range(self, start: int, end: int) -> tuple[int, int]:
        """See `source_range`. Raises _NoPlace."""
        for formula in _FORMULA.finditer(self.html):  # nothing can be marked inside of one
            first = len(_text(self.html[: formula.start()]))
            last = first + len(_text(formula[0]))
            if start < last and end > first:
                start, end = min(start, first), max(end, last)
        while True:
            starts, ends = list(self._places(start)), list(self._places(end))
            pairs = [(b.source - a.source, a, b) for a in starts for b in ends if a.source <= b.source]
            for _, a, b in sorted(pairs, key=lambda pair: pair[0]):
                if a.inside == b.inside and not _BLOCK.search(self.html[a.html : b.html]):
                    return a.source, b.source
            if not starts or not ends:
                raise _NoPlace
            start, end = self._grown(starts, ends, (start, end))

    def _grown(self, first: list[_Place], last: list[_Place], before: tuple[int, int]) -> tuple[int, int]:
        """From the beginning to the end of the outermost elements that only one of the ends is in."""
        a, b = first[0], last[-1]
        shared = 0
        while shared < min(len(a.inside), len(b.inside)) and a.inside[shared] == b.inside[shared]:
            shared += 1
        start, end = before
        if len(a.inside) > shared:
            start = len(_text(self.html[: a.inside[shared]]))
        if len(b.inside) > shared:
            end = len(_text(self.html[: _element_end(self.html, b.inside[shared])]))
        if (start, end) == before:
            raise _NoPlace
        return start, end

    def _places(self, text: int) -> Iterator[_Place]:
        """The places of the source at which `text` characters have been shown, in order."""
        for at in range(self._first(text), len(self.markdown) + 1):
            place = self._place(at)
            if place and place.text == text:
                yield place
            elif place and place.text > text:
                return

    def _first(self, text: int) -> int:
        """The first place of the source with that much text before it."""
        low, high = 0, len(self.markdown)
        while low < high:
            middle = at = (low + high) // 2
            while at < high and self._place(at) is None:
                at += 1
            place = self._place(at)
            if at == high or place is None or place.text >= text:
                high = middle
            else:
                low = at + 1
        return low

    def _place(self, at: int) -> _Place | None:
        """None where a mark would change what is read."""
        if at not in self._known:
            if len(self._known) >= _MOST_PROBES:
                raise _NoPlace
            marked = _html(self.markdown[:at] + _MARK + self.markdown[at:])
            found = marked.find(_MARK)
            plain = found >= 0 and marked[:found] + marked[found + 1 :] == self.html
            inside = _open_elements(self.html[:found]) if plain else None
            self._known[at] = (
                None if inside is None else _Place(at, found, len(_text(self.html[:found])), tuple(inside))
            )
        return self._known[at]


def _html(markdown: str) -> str:
    return to_html(parse.__wrapped__(markdown))  # not through its memory, which is for texts that are shown again


def _text(html: str) -> str:
    return unescape(_TAG.sub("", html))


def _open_elements(html: str) -> list[int] | None:
    """Where the elements begin that are open at the end of this HTML; None inside a tag."""
    if html.rfind("<") > html.rfind(">"):
        return None
    opened: list[int] = []
    for tag in _TAG.finditer(html):
        if tag[0].startswith("</"):
            opened.pop()
        elif not tag[0].startswith(_VOID):
            opened.append(tag.start())
    return opened


def _element_end(html: str, start: int) -> int:
    """Behind the element that begins there."""
    depth = 0
    for tag in _TAG.finditer(html, start):
        if not tag[0].startswith(_VOID):
            depth += -1 if tag[0].startswith("</") else 1
            if depth == 0:
                return tag.end()
    return len(html)
