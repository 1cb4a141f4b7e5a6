"""Blocks as markup of Typst, the typesetter of PDFs. All words are strings in it: nothing in a text is run.

Source: https://typst.app/docs/reference/
"""

from __future__ import annotations

import re
import unicodedata
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
    MathElement,
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
MAX_EFFORT = 10_000  # of all formulas of a document; each nested root, accent or bracket of one trebles its own
# What a line does not break in: no blanks, and no Thai, Lao, Burmese, Khmer, Chinese, Japanese, Korean, emoji.
_UNBROKEN = "[^\\s\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\U0003ffff]"
_SPACES = re.compile(r"^ +| {2,}", re.MULTILINE)


def directed(runs: Runs, markup: str) -> str:
    """Markup of these words, in the direction that they are read in."""
    return f"#[#set text(dir: rtl)\n{markup}]" if is_right_to_left(plain(runs)) else markup


class Writer:
    """Writes one document. Formulas that would take longer to set than all of it may are shown as they were typed."""

    def __init__(self) -> None:
        self._left = MAX_EFFORT

    def blocks(self, parts: Blocks, width: float = PAGE_WIDTH) -> str:
        """Blocks one below the other, on `width` points."""
        return "\n".join(self._block(block, max(width, PAGE_WIDTH / 4)) for block in parts)

    def line(self, runs: Runs, width: float = PAGE_WIDTH) -> str:
        """Styled words. One that is longer than a line may break between its letters."""
        return "".join(self._run(run, max(int(width / _LETTER), _PIECE)) for run in runs)

    def paragraph(self, runs: Runs, width: float = PAGE_WIDTH) -> str:
        """A paragraph; formulas that stand on lines of their own are none of its words."""
        parts = groupby(runs, key=lambda run: bool(run.formula and run.formula.is_display))
        return "\n".join(
            "\n".join(self._formula(run, run.formula, block=True) for run in part if run.formula)
            if display
            else f"#par[{self.line(tuple(part), width)}]"
            for display, part in parts
        )

    def _block(self, block: Block, width: float) -> str:
        match block:
            case Paragraph(runs):
                return directed(runs, self.paragraph(runs, width))
            case Heading(level, runs):
                return directed(runs, f"#heading(level: {level})[{self.line(runs, width / 1.6)}]")
            case Code(text):
                kept = _SPACES.sub(lambda found: "\u00a0" * len(found[0]), text.expandtabs(4))
                return f"#code-block[{self.line((Run(kept),), width)}]"
            case Rule():
                return "#rule"
            case Quote(inside):
                return f"#quote(block: true)[{self.blocks(inside, width - _STEP)}]"
            case List():
                return self._list(block, width - _STEP)
            case Table():
                return self._table(block, width)

    def _list(self, block: List, width: float) -> str:
        name = "#list" if block.start is None else f"#enum(start: {block.start})"
        markup = name + "".join(f"[{self.blocks(item, width)}]" for item in block.items)
        first = next((b.runs for item in block.items for b in item if isinstance(b, Paragraph)), ())
        return directed(first, markup)

    def _table(self, block: Table, width: float) -> str:
        column = width / len(block.alignments)
        if column < _NARROWEST:
            return "\n".join(directed(runs, f"#par[{self.line(runs, width)}]") for runs in block.lines())
        alignments = ", ".join(alignment or "start" for alignment in block.alignments)
        head, *rows = (
            ", ".join(f"[{directed(runs, self.line(runs, column - 12))}]" for runs in row) for row in block.cells()
        )
        first = next((runs for runs in block.head if plain(runs)), ())
        return directed(first, f"#rows(({alignments},), ({head},), {', '.join(rows)})")

    def _formula(self, run: Run, formula: MathElement, block: bool = False) -> str:
        effort: int = 3**formula.growing
        if effort > self._left:
            return f"#par[#{string(run.text)}]" if block else f"#{string(run.text)}"
        self._left -= effort
        return "#" + typst_formula(formula, block)

    def _run(self, run: Run, longest: int) -> str:
        if run.formula:
            return self._formula(run, run.formula)
        name = "raw" if run.code else ""
        markup = "#linebreak()".join("".join(_pieces(part, longest, name)) for part in run.text.split("\n"))
        styles = (("strong", run.bold), ("emph", run.italic and not run.bold), ("strike", run.struck))
        for style, wanted in styles:
            markup = f"#{style}[{markup}]" if wanted else markup
        return f"#link({string(run.link)})[{markup}]" if run.link else markup


def _pieces(text: str, longest: int, name: str) -> Iterator[str]:
    """A text in strings; between those of a word longer than a line there is a place where the line can break."""
    words = re.split(rf"({_UNBROKEN}{{{longest},}})", _with_bases(text))
    for at, part in enumerate(words):
        if at % 2:
            parts = (part[i : i + _PIECE] for i in range(0, len(part), _PIECE))
            yield "#box()".join(f"#{name}({string(piece)})" for piece in parts)
        elif part:
            yield f"#{name}({string(part)})"


def _with_bases(text: str) -> str:
    """A mark without a letter before it stands on a dotted circle, as in Unicode's charts: Typst fails at some."""
    if text.isascii():
        return text
    pairs = zip(" " + text, text, strict=False)
    return "".join("◌" * (before.isspace() and _is_mark(char)) + char for before, char in pairs)


def _is_mark(char: str) -> bool:
    return unicodedata.category(char).startswith("M") and not "\ufe00" <= char <= "\ufe0f"
