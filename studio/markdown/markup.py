"""Blocks as HTML that is safe wherever it is put: every tag and attribute is written here, every word is escaped."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from studio.language import is_right_to_left
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
from studio.markdown.mathml import to_mathml
from studio.markdown.plain_text import plain


def to_html(blocks: Blocks) -> str:
    """The blocks, one below the other."""
    return "\n".join(map(_block, blocks))


def inline_html(runs: Runs) -> str:
    """Styled words. Tags that neighbouring runs share are opened once."""
    made: list[str] = []
    opened: list[tuple[str, str]] = []
    for run in (*runs, Run("")):
        wanted = list(_tags(run))
        same = 0
        while same < min(len(opened), len(wanted)) and opened[same] == wanted[same]:
            same += 1
        made += [f"</{name}>" for name, _ in reversed(opened[same:])]
        made += [f"<{name}{attributes}>" for name, attributes in wanted[same:]]
        opened = wanted
        words = escape(run.text, quote=False).replace("\n", "<br>\n")
        made.append(to_mathml(run.formula, run.text) if run.formula else words)
    return "".join(made)


def _tags(run: Run) -> Iterator[tuple[str, str]]:
    """Name and attributes of each element around the run, from the outside in."""
    if run.link:
        yield "a", f' href="{escape(run.link)}" rel="noopener noreferrer"'
    for name, wanted in (("strong", run.bold), ("em", run.italic), ("s", run.struck), ("code", run.code)):
        if wanted:
            yield name, ""


def _block(block: Block) -> str:
    match block:
        case Paragraph(runs):
            return f"<p>{inline_html(runs)}</p>"
        case Heading(level, runs):
            return f"<h{level}>{inline_html(runs)}</h{level}>"
        case Code(text):
            return f"<pre><code>{escape(text, quote=False)}\n</code></pre>"
        case Rule():
            return "<hr>"
        case Quote(blocks):
            return f"<blockquote>\n{to_html(blocks)}\n</blockquote>"
        case List():
            return _list(block)
        case Table():
            return _table(block)


def _list(block: List) -> str:
    name = "ul" if block.start is None else "ol"
    start = f' start="{block.start}"' if block.start not in (None, 1) else ""
    items = "\n".join(f"<li>{_item(item, block.tight)}</li>" for item in block.items)
    first = next((b.runs for item in block.items for b in item if isinstance(b, Paragraph)), ())
    return f"<{name}{start}{_direction(first)}>\n{items}\n</{name}>"


def _item(blocks: Blocks, tight: bool) -> str:
    if not tight:
        return f"\n{to_html(blocks)}\n" if blocks else ""
    return "\n".join(inline_html(b.runs) if isinstance(b, Paragraph) else _block(b) for b in blocks)


def _direction(runs: Runs) -> str:
    """For what begins at the right: the style sheets know the direction of lines, not of marks and columns."""
    return ' dir="rtl"' if is_right_to_left(plain(runs)) else ""


def _table(block: Table) -> str:
    head = _row("th", block.head, block.alignments)
    body = "\n".join(_row("td", row, block.alignments) for row in block.rows)
    body = f"<tbody>\n{body}\n</tbody>\n" if body else ""
    first = next((runs for runs in block.head if plain(runs)), ())
    return f"<table{_direction(first)}>\n<thead>\n{head}\n</thead>\n{body}</table>"


def _row(name: str, cells: tuple[Runs, ...], alignments: tuple[Alignment, ...]) -> str:
    styles = (f' style="text-align:{a}"' if a else "" for a in alignments)
    inside = "".join(f"<{name}{style}>{inline_html(runs)}</{name}>" for style, runs in zip(styles, cells, strict=True))
    return f"<tr>{inside}</tr>"
