"""The block structure of a Markdown text: frozen data, a tree of blocks with runs of styled words at its leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from studio.markdown.mathml import MathElement

Alignment = Literal["", "left", "center", "right"]


@dataclass(frozen=True)
class Run:
    """Words in one style. A line break inside is `\\n`. `link` is an http, https or mailto address.

    A run with a `formula` stands for it; its text is what was typed, for places that show words only.
    """

    text: str
    bold: bool = False
    italic: bool = False
    code: bool = False
    struck: bool = False
    link: str = ""
    formula: MathElement | None = None


Runs: TypeAlias = tuple[Run, ...]


@dataclass(frozen=True)
class Paragraph:
    """Words."""

    runs: Runs


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 to 6."""

    level: int
    runs: Runs


@dataclass(frozen=True)
class Code:
    """Lines of code, without a line end after the last."""

    text: str


@dataclass(frozen=True)
class Rule:
    """A thematic break."""


@dataclass(frozen=True)
class Quote:
    """Quoted blocks."""

    blocks: Blocks


@dataclass(frozen=True)
class List:
    """A list. `start` is its first number, None where it has bullets; `tight` items have no space between them."""

    items: tuple[Blocks, ...]
    start: int | None = None
    tight: bool = True

    def mark(self, index: int) -> str:
        """What stands before an item: its number or a bullet."""
        return "•" if self.start is None else f"{self.start + index}."


@dataclass(frozen=True)
class Table:
    """A table. Every row has as many cells as `alignments`; cells hold runs, no blocks."""

    head: tuple[Runs, ...]
    rows: tuple[tuple[Runs, ...], ...]
    alignments: tuple[Alignment, ...]

    def cells(self) -> Iterator[tuple[Runs, ...]]:
        """Its rows, the head first."""
        yield self.head
        yield from self.rows

    def lines(self) -> Iterator[Runs]:
        """Each row as one line, for a place that has no room for its columns."""
        for row in self.cells():
            yield tuple(run for at, cell in enumerate(row) for run in ((Run(" | "),) * (at > 0) + cell))


Block: TypeAlias = Paragraph | Heading | Code | Rule | Quote | List | Table
Blocks: TypeAlias = tuple[Block, ...]


def runs_of(blocks: Blocks) -> Iterator[Run]:
    """All runs of blocks and of what lies inside them. Code has none."""
    for block in blocks:
        match block:
            case Paragraph(runs) | Heading(_, runs):
                yield from runs
            case Quote(inside):
                yield from runs_of(inside)
            case List(items):
                for item in items:
                    yield from runs_of(item)
            case Table():
                yield from (run for row in block.cells() for cell in row for run in cell)
