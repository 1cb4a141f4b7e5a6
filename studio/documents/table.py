"""A table of answers: a row a picture, a column a question. Pure data: every change gives a new table.

A cell is open until it has an answer. A cell that failed is open, too, and keeps its sentence until it is asked again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from studio.documents.article import Picture
from studio.documents.conversation import MAX_QUESTION
from studio.errors import InputError

MAX_QUESTIONS = 50  # columns
Finish = Literal["", "stop", "length", "failed"]


@dataclass(frozen=True)
class Cell:
    """One answer. `finish` says how it ended, "" for a cell not asked yet; `error` is the sentence people saw."""

    answer: str = ""
    finish: Finish = ""
    error: str = ""

    @property
    def is_open(self) -> bool:
        """Whether there is still something to ask."""
        return self.finish in ("", "failed")


@dataclass(frozen=True)
class Row:
    """A picture and its answers, one a question. `picture.credit` is the file's name, unlike any other's."""

    picture: Picture
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Skipped:
    """A file that is in no row, and the sentence that says why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Table:
    """Rows in order. `origin` says where the pictures came from; `unread` counts those that a stop kept from being
    read; `id` is the table's number in the store, 0 until it is saved."""

    questions: tuple[str, ...]
    rows: tuple[Row, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    origin: str = ""
    unread: int = 0
    model: str = ""
    id: int = 0

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return len(self.rows) * len(self.questions)

    @property
    def open(self) -> int:
        """How many of them wait for an answer or failed."""
        return sum(cell.is_open for row in self.rows for cell in row.cells)

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return sum(cell.finish == "failed" for row in self.rows for cell in row.cells)

    def places(self) -> Iterator[tuple[int, int]]:
        """(row, column) of every open cell: a picture's questions after one another, so that it is looked at once."""
        for r, row in enumerate(self.rows):
            for c, cell in enumerate(row.cells):
                if cell.is_open:
                    yield r, c

    def add(self, picture: Picture) -> Table:
        """With one more row, its cells open."""
        return replace(self, rows=(*self.rows, Row(picture, (Cell(),) * len(self.questions))))

    def put(self, row: int, column: int, cell: Cell) -> Table:
        """With one cell changed."""
        old = self.rows[row]
        new = replace(old, cells=(*old.cells[:column], cell, *old.cells[column + 1 :]))
        return replace(self, rows=(*self.rows[:row], new, *self.rows[row + 1 :]))

    def recall(self, old: Table) -> Table:
        """With the answers that `old` has for the same picture and question, and its rows that are not here."""
        known = {
            (row.picture.key, question): cell
            for row in old.rows
            for question, cell in zip(old.questions, row.cells, strict=True)
            if not cell.is_open
        }
        here = {row.picture.key for row in self.rows}
        pictures = [row.picture for row in (*self.rows, *(r for r in old.rows if r.picture.key not in here))]
        rows = (Row(p, tuple(known.get((p.key, q), Cell()) for q in self.questions)) for p in pictures)
        return replace(self, rows=tuple(rows), model=old.model)


def questions_of(text: str) -> tuple[str, ...]:
    """One question a line; blank lines and repeated ones are left out. Raises InputError for none, or too many."""
    lines = (" ".join(line.split()) for line in text.removeprefix("\ufeff").splitlines())
    questions = tuple(dict.fromkeys(line for line in lines if line))
    if not questions:
        raise InputError("table_no_questions")
    if len(questions) > MAX_QUESTIONS:
        raise InputError("table_questions", count=len(questions), limit=MAX_QUESTIONS)
    if (longest := max(map(len, questions))) > MAX_QUESTION:
        raise InputError("question_too_long", length=longest, limit=MAX_QUESTION)
    return questions
