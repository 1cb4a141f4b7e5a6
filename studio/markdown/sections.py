"""A text cut into sections, the blocks that an article's pictures stand between: the reader's own block structure.

A section is the source of one block. A paragraph of several lines is one section a line: the models write a line for
each paragraph, and count places for pictures by lines. Lines stay together where a style, a link or a formula spans
them, where the break between them is a hard one, and where a line alone would be something else than a paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from markdown_it.token import Token

from studio.markdown.blocks import Heading
from studio.markdown.plain_text import clean, without_blank_end
from studio.markdown.reader import READER, parse


@dataclass(frozen=True)
class Span:
    """A block that is inside no other: what it is (`paragraph`, `heading`, `list`, `blockquote`, `table`, `fence`,
    `code_block`, `formula_block`, `hr`) and its first and last index in the text, its blank end left out."""

    kind: str
    start: int
    end: int


_PLAIN_START = re.compile(r"[^\W\d_]")  # no block but a paragraph begins with a letter


def split(text: str) -> tuple[str, tuple[str, ...]]:
    """Markdown → (title, sections). The title is a first heading of level 1, else empty."""
    title, found = "", list[str]()
    for token, content, source in _top(text):
        if token.tag == "h1" and not title and not found:
            title = " ".join(content.split())
        else:
            found += _sections(token, source)
    return title, tuple(found)


def sections(text: str) -> tuple[str, ...]:
    """Markdown → sections. Nothing is lost: they have all the words of the text, in order, and a section alone is read
    as it was inside the text."""
    return tuple(section for token, _, source in _top(text) for section in _sections(token, source))


def spans(text: str) -> tuple[Span, ...]:
    """The blocks of a text in which `clean` has nothing to do, by their places."""
    tokens, starts, found = list[Token](), [0], []
    READER.block.parse(text, READER, {}, tokens)
    lines = text.split("\n")
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    for token in tokens:
        if token.level == 0 and token.nesting >= 0 and token.map:
            first, last = token.map[0], token.map[0] + len(without_blank_end(lines[slice(*token.map)]))
            if last > first:
                kind = token.type.removesuffix("_open").removeprefix("bullet_").removeprefix("ordered_")
                found.append(Span(kind, starts[first], starts[last] - 1))
    return tuple(found)


@lru_cache(maxsize=2048)
def is_heading(text: str) -> bool:
    """Whether a section is a heading and nothing else."""
    blocks = parse(text)
    return len(blocks) == 1 and isinstance(blocks[0], Heading)


def _top(text: str) -> Iterator[tuple[Token, str, list[str]]]:
    """Each block that is inside no other: its first token, the content of a paragraph or heading, its lines."""
    text = clean(text)
    lines, tokens = text.split("\n"), list[Token]()
    READER.block.parse(text, READER, {}, tokens)
    for at, token in enumerate(tokens):
        if token.level == 0 and token.nesting >= 0:
            content = tokens[at + 1].content if token.type in ("paragraph_open", "heading_open") else ""
            yield token, content, lines[slice(*token.map or ())]


def _sections(token: Token, lines: list[str]) -> Iterator[str]:
    """The sections of a block; what shows nothing is none."""
    if token.type != "paragraph_open":
        found = ["\n".join(without_blank_end(lines))]
    else:
        found = [part.strip() for part in (_paragraphs(lines) if len(lines) > 1 else lines)]
    yield from filter(None, found)


def _paragraphs(lines: list[str]) -> Iterator[str]:
    """The lines of one paragraph, as many as possible each for itself."""
    (inline,) = READER.parseInline("\n".join(lines))
    free = {t.meta["at"] for t in inline.children or () if t.type == "softbreak" and not t.level}
    part, at = lines[0], len(lines[0])
    for line in lines[1:]:
        if at in free and _is_paragraph(line.strip()):
            yield part
            part = line
        else:
            part += "\n" + line
        at += 1 + len(line)
    yield part


@lru_cache(maxsize=512)
def _is_paragraph(line: str) -> bool:
    """Whether a line alone is one."""
    return bool(_PLAIN_START.match(line)) or [token.type for token, *_ in _top(line)] == ["paragraph_open"]
