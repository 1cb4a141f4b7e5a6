"""Blocks as markup of Typst, the typesetter of PDFs. All words are strings in it: nothing in a text is run.

Source: https://typst.app/docs/reference/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from studio.export.typst_formulas import string, typst_formula
from studio.language import is_right_to_left
from studio.markdown import (
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
    plain,
)

PAGE_WIDTH = 441.0  # points: of a line of the page
_LETTER = 6.5  # points: the width of a letter, about
_NARROWEST = 36.0  # points of a column: below that rows are lines
_STEP = 20.0  # points that a list or a quote is further in than what holds it
_PIECE = 4  # letters of a word longer than its line that stay together
_SPACES = re.compile(r"^ +| {2,}", re.MULTILINE)


def blocks_markup(parts: Blocks, width: float = PAGE_WIDTH) -> str:
    """Blocks one below the other, on `width` points."""
    return "\n".join(_block(block, max(width, PAGE_WIDTH / 4)) for block in parts)


def line_markup(runs: Runs, width: float = PAGE_WIDTH) -> str:
    """Styled words. One that is longer than a line may break between its letters."""
    return "".join(_run(run, max(int(width / _LETTER), _PIECE)) for run in runs)


def paragraph_markup(runs: Runs, width: float = PAGE_WIDTH) -> str:
    """A paragraph; formulas that stand on lines of their own are none of its words."""
    parts = groupby(runs, key=lambda run: bool(run.formula and run.formula.is_display))
    return "\n".join(
        "\n".join("#" + typst_formula(run.formula, block=True) for run in part if run.formula)
        if display
        else f"#par[{line_markup(tuple(part), width)}]"
        for display, part in parts
    )


def directed(runs: Runs, made: str) -> str:
    """What is made of these words, in the direction that they are read in."""
    return f"#[#set text(dir: rtl)\n{made}]" if is_right_to_left(plain(runs)) else made


def _block(block: Block, width: float) -> str:
    match block:
        case Paragraph(runs):
            return directed(runs, paragraph_markup(runs, width))
        case Heading(level, runs):
            return directed(runs, f"#heading(level: {level})[{line_markup(runs, width / 1.6)}]")
        case Code(text):
            kept = _SPACES.sub(lambda found: "\u00a0" * len(found[0]), text.expandtabs(4))
            return f"#code-block[{line_markup((Run(kept),), width)}]"
        case Rule():
            return "#rule"
        case Quote(inside):
            return f"#quote(block: true)[{blocks_markup(inside, width - _STEP)}]"
        case List():
            return _list(block, width - _STEP)
        case Table():
            return _table(block, width)


def _list(block: List, width: float) -> str:
    name = "#list" if block.start is None else f"#enum(start: {block.start})"
    made = name + "".join(f"[{blocks_markup(item, width)}]" for item in block.items)
    first = next((b.runs for item in block.items for b in item if isinstance(b, Paragraph)), ())
    return directed(first, made)


def _table(block: Table, width: float) -> str:
    column = width / len(block.alignments)
    if column < _NARROWEST:
        return "\n".join(directed(runs, f"#par[{line_markup(runs, width)}]") for runs in block.lines())
    alignments = ", ".join(alignment or "start" for alignment in block.alignments)
    head, *rows = (
        ", ".join(f"[{directed(runs, line_markup(runs, column - 12))}]" for runs in row) for row in block.cells()
    )
    first = next((runs for runs in block.head if plain(runs)), ())
    return directed(first, f"#rows(({alignments},), ({head},), {', '.join(rows)})")


def _run(run: Run, longest: int) -> str:
    if run.formula:
        return "#" + typst_formula(run.formula)
    name = "raw" if run.code else ""
    made = "#linebreak()".join("".join(_pieces(part, longest, name)) for part in run.text.split("\n"))
    styles = (("strong", run.bold), ("emph", run.italic and not run.bold), ("strike", run.struck))
    for style, wanted in styles:
        made = f"#{style}[{made}]" if wanted else made
    return f"#link({string(run.link)})[{made}]" if run.link else made


def _pieces(text: str, longest: int, name: str) -> Iterator[str]:
    """A text in strings; between those of a word longer than a line there is a place where the line can break."""
    words = re.split(rf"([!-\u058f]{{{longest},}})", text)
    for at, part in enumerate(words):
        if at % 2:
            parts = (part[i : i + _PIECE] for i in range(0, len(part), _PIECE))
            yield "#box()".join(f"#{name}({string(piece)})" for piece in parts)
        elif part:
            yield f"#{name}({string(part)})"
