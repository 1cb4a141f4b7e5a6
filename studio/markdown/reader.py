"""From Markdown to blocks: the token stream of `dialect` folded into the tree of `blocks`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

from markdown_it.token import Token

from studio.markdown.blocks import (
    Alignment,
    Block,
    Blocks,
    Code,
    Heading,
    List,
    Paragraph,
    Quote,
    Rule,
    Run,
    Runs,
    Table,
)
from studio.markdown.dialect import Reader
from studio.markdown.plain_text import clean, without_blank_end

READER = Reader()
_STYLES = {"strong": "bold", "em": "italic", "s": "struck"}


@lru_cache(maxsize=2048)  # a text that grows is read again and again, all of it but the end unchanged
def parse(text: str) -> Blocks:
    """The blocks of a text. Any text has some reading: nothing is raised."""
    return tuple(_blocks(iter(READER.parse(clean(text)))))


@lru_cache(maxsize=512)
def parse_inline(text: str) -> Runs:
    """A title or a caption: one line, in which signs for blocks are words."""
    (token,) = READER.parseInline(" ".join(clean(text).split()))
    return _runs(token)


def _blocks(tokens: Iterator[Token]) -> Iterator[Block]:
    """The blocks up to the end of what is open."""
    for token in tokens:
        match token.type:
            case "paragraph_open":
                if (runs := _inline(tokens)) and any(run.text.strip() for run in runs):
                    yield Paragraph(runs)
            case "heading_open":
                yield Heading(int(token.tag[1]), _inline(tokens))
            case "fence" | "code_block":
                yield Code(_code(token))
            case "formula_block":
                yield Paragraph((Run(token.content, formula=token.meta["formula"]),))
            case "hr":
                yield Rule()
            case "blockquote_open":
                yield Quote(tuple(_blocks(tokens)))
            case "bullet_list_open" | "ordered_list_open":
                yield _list(token, tokens)
            case "table_open":
                yield _table(tokens)
            case kind if kind.endswith("_close"):
                return


def _inline(tokens: Iterator[Token]) -> Runs:
    """The runs of a paragraph or heading, its end taken along."""
    content, _ = next(tokens), next(tokens)
    return _runs(content)


def _code(token: Token) -> str:
    """The lines; more than the name of a language behind a fence is somebody's words and stands above them."""
    text = "\n".join(without_blank_end(token.content.split("\n")))
    info = token.info.strip()
    return f"{info}\n{text}" if len(info.split()) > 1 or not info.isascii() else text


def _list(opening: Token, tokens: Iterator[Token]) -> List:
    items, tight = [], True
    for token in tokens:
        if token.type != "list_item_open":
            break
        inside = list(_until_closed(tokens))
        tight = tight and all(t.hidden for t in inside if t.type == "paragraph_open" and t.level == token.level + 1)
        items.append(tuple(_blocks(iter(inside))))
    start = int(opening.attrs.get("start", 1)) if opening.type == "ordered_list_open" else None
    return List(tuple(items), start, tight)


def _until_closed(tokens: Iterator[Token]) -> Iterator[Token]:
    """The tokens inside what is open; its end is taken along."""
    depth = 1
    for token in tokens:
        depth += token.nesting
        if not depth:
            return
        yield token


def _table(tokens: Iterator[Token]) -> Table:
    rows: list[list[Runs]] = []
    alignments: list[Alignment] = []
    for token in tokens:
        match token.type:
            case "tr_open":
                rows.append([])
            case "th_open":
                style = str(token.attrs.get("style", ""))
                alignments.append(cast(Alignment, style.removeprefix("text-align:")))
            case "inline":
                rows[-1].append(_runs(token))
            case "table_close":
                break
    count = max(map(len, rows))
    alignments += [""] * (count - len(alignments))
    head, *body = (tuple(row) + ((),) * (count - len(row)) for row in rows)
    return Table(head, tuple(body), tuple(alignments))


def _runs(inline: Token) -> Runs:
    return tuple(_merged(_styled(inline.children or ())))


def _styled(tokens: Iterable[Token]) -> Iterator[Run]:
    """Each token's words in the style that is open where it stands."""
    open_styles: list[str] = []
    link, words = "", True  # `words`: whether the open link has any
    for token in tokens:
        style: dict[str, Any] = {name: True for name in open_styles}
        if token.tag in _STYLES and token.nesting:
            open_styles.append(_STYLES[token.tag]) if token.nesting > 0 else open_styles.remove(_STYLES[token.tag])
        elif token.type == "link_open":
            link, words = str(token.attrs["href"]), False
        elif token.type == "link_close":
            if not words:  # its address is all that can be read
                yield Run(link, link=link, **style)
            link, words = "", True
        else:
            for run in _leaf(token):
                words = words or bool(run.text.strip())
                yield replace(run, link=link, **style)


def _leaf(token: Token) -> Iterator[Run]:
    match token.type:
        case "softbreak":
            yield Run(" ")
        case "hardbreak":
            yield Run("\n")
        case "code_inline":
            yield Run(token.content, code=True)
        case "formula":
            yield Run(token.content, formula=token.meta["formula"])
        case "image":  # the words for it, without the picture of another host; its address where it has none
            described = tuple(_merged(_styled(token.children or ())))
            yield from described or (Run(str(token.attrs.get("src", ""))),)
        case _:
            yield Run(token.content)


def _merged(runs: Iterable[Run]) -> Iterator[Run]:
    """Neighbours of one style as one run, without blanks around line breaks; empty ones are gone."""
    last: Run | None = None
    for run in runs:
        if not run.text:
            continue
        if last and not run.formula and replace(last, text="") == replace(run, text=""):
            last = replace(last, text=last.text + run.text)
            continue
        if last:
            yield last
        last = run
    if last:
        yield last
