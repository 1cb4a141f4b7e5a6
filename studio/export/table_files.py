"""A table of answers as xlsx, with thumbnails, and as CSV: a row a picture, its name, a column a question.

Excel reads a CSV's first letters to guess what it is: a byte order mark says UTF-8, and an apostrophe before `=`, `+`,
`-` or `@` says that what follows is no formula. An xlsx needs neither.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping

from studio import __version__
from studio.documents.table import Cell as Answer
from studio.documents.table import Table
from studio.errors import Language
from studio.export.clean_text import document_language, label, line
from studio.export.images import ReadPicture
from studio.export.spreadsheet import Cell, Column, Row, picture_cell, workbook
from studio.markdown import clean

THUMBNAIL = 320  # pixels of the file inside, shown at half of that: ten thousand of them stay a file one can send
_PICTURE = Column("picture", 176)
_NAME = Column("name", 200)
_FORMULA = tuple("=+-@\t＝＋－＠")


def sheet(table: Table, read_picture: ReadPicture) -> bytes:
    """The workbook."""
    language = document_language(table)
    questions = tuple(Column(f"question {n}", 320, question) for n, question in enumerate(table.questions))
    rows = _rows(table, read_picture, language)
    return workbook("table", (_PICTURE, _NAME, *questions), rows, about(table), language, table.questions[0])


def csv_file(table: Table) -> bytes:
    """The words alone, for any program that reads CSV."""
    language = document_language(table)
    out = io.StringIO(newline="")
    writer = csv.writer(out)  # the dialect that Excel writes
    writer.writerow([label("name", language), *map(_plain, table.questions)])
    for row in table.rows:
        writer.writerow(
            [_plain(line(row.picture.credit or row.picture.title)), *map(_plain, _texts(row.cells, language))]
        )
    return out.getvalue().encode("utf-8-sig")


def about(table: Table) -> Mapping[str, object]:
    """What the About sheet says of how it was made."""
    facts = {
        "origin": table.origin,
        "pictures": len(table.rows),
        "questions": table.questions,
        "open": table.open or None,
        "skipped": [skipped.reason for skipped in table.skipped] or None,
        "unread": table.unread or None,
        "model": table.model,
        "studio": __version__,
    }
    return {key: value for key, value in facts.items() if value is not None}


def _rows(table: Table, read_picture: ReadPicture, language: Language) -> Iterator[Row]:
    for row in table.rows:
        name = line(row.picture.credit or row.picture.title)
        picture, missing = picture_cell(row.picture, name, read_picture, language, THUMBNAIL)
        texts = {
            f"question {n}": Cell(text, "soft" if answer.finish == "failed" else "text")
            for n, (text, answer) in enumerate(zip(_texts(row.cells, language), row.cells, strict=True))
        }
        yield Row(None, {"name": Cell(name), **missing, **texts}, picture)


def _texts(cells: tuple[Answer, ...], language: Language) -> Iterator[str]:
    """What stands in each cell: the answer, with a remark where it is not whole."""
    for cell in cells:
        remark = cell.error or (label(cell.finish, language) if cell.finish == "length" else "")
        yield "\n".join(filter(None, (cell.answer, f"[{remark}]" if remark else "")))


def _plain(text: str) -> str:
    text = clean(text)
    return "'" + text if text.startswith(_FORMULA) else text
