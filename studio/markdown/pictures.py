"""The pictures that a person's own text shows: where their marks stand, and the text without them.

The dialect shows such a mark as it was typed. Here the same reader finds it, wherever it leads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.image import image
from markdown_it.token import Token

from studio.markdown.dialect import Reader
from studio.markdown.plain_text import clean

_LABEL = re.compile(r"!\[([^\[\]\n]*)\]\[([^\[\]\n]*)\]")
_DEFINITION = re.compile(
    r"""^ {0,3}\[([^\[\]\n]+)\]:[ \t]*(<[^<>\n]+>|\S+)(?:[ \t]+(?:"[^"\n]*"|'[^'\n]*'))?[ \t]*\n?""", re.M
)


@dataclass(frozen=True)
class PictureMark:
    """`![words](source "title")`: its place in the text, and what it says."""

    start: int
    end: int
    source: str
    words: str
    title: str = ""


class _PictureReader(Reader):
    def __init__(self) -> None:
        super().__init__()
        self.inline.ruler.at("image", _image)

    def validateLink(self, url: str) -> bool:
        """Every address: nothing is followed here."""
        return True


def _image(state: StateInline, silent: bool) -> bool:
    """Pictures know where they stand."""
    start, before = state.pos, len(state.tokens)
    found = image(state, silent)
    for token in state.tokens[before:]:
        token.meta = {"start": start, "end": state.pos}
    return found


_READER = _PictureReader()


def picture_marks(text: str) -> tuple[PictureMark, ...]:
    """The marks of a text in which `clean` has nothing to do, in order; those in code are none."""
    if "![" not in text:
        return ()
    found, at = [], 0
    for token in _READER.parse(text):
        if token.type != "inline":
            continue
        content = text.find(token.content, at)
        for mark in _images(token.children or []):
            literal = token.content[mark.meta["start"] : mark.meta["end"]]
            start = content + mark.meta["start"] if content >= 0 else text.find(literal, at)
            if start < 0 or text[start : start + len(literal)] != literal:
                continue  # over lines that are marked as a quote or a list: it stays as it was typed
            at = start + len(literal)
            source, title = str(mark.attrs.get("src", "")), str(mark.attrs.get("title", ""))
            words = " ".join("".join(child.content or " " for child in mark.children or ()).split())
            found.append(PictureMark(start, at, unquote(source), words, title))
    return tuple(found)


def inline_references(text: str) -> str:
    """Pictures that name their source elsewhere (`![words][1]` … `[1]: source`) with it, as others have it. A
    definition that a picture uses goes, any other stays."""
    text = clean(text)
    used = {(label or words).casefold() for words, label in _LABEL.findall(text)}
    sources = {m[1].casefold(): m[2].strip("<>") for m in _DEFINITION.finditer(text) if m[1].casefold() in used}
    if not sources:
        return text
    text = _DEFINITION.sub(lambda m: "" if m[1].casefold() in sources else m[0], text)

    def mark(found: re.Match[str]) -> str:
        source = sources.get((found[2] or found[1]).casefold())
        return f"![{found[1]}](<{source}>)" if source else found[0]

    return _LABEL.sub(mark, text)


def _images(tokens: list[Token]) -> Iterator[Token]:
    return (token for token in tokens if token.type == "image" and "start" in token.meta)
