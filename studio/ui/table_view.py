"""A table of answers as the data that `studio/ui/static/table.js` draws; every text in it is drawn as text."""

from __future__ import annotations

from studio.documents.table import Cell, Row, Table
from studio.errors import Language
from studio.tasks.fill_table import TableProgress
from studio.ui import page_data
from studio.ui.words import t

WINDOW = 100  # rows on the page at once
EMPTY: page_data.TableView = {
    "id": 0,
    "running": False,
    "number": 0,
    "of": 0,
    "said": "",
    "wrong": False,
    "questions": [],
    "rows": [],
    "skipped": [],
    "notes": [],
}


def to_table_data(progress: TableProgress, language: Language, seconds: float | None = None) -> page_data.TableView:
    """What the page shows: the window of rows in which it works, one line about how far it is (`seconds` left)."""
    table, active = progress.table, progress.place
    first = (active[0] if active else 0) // WINDOW * WINDOW
    rows = table.rows[first : first + WINDOW]
    shown = [_row(n, row, progress, language) for n, row in enumerate(rows, first)]
    return {
        "id": table.id,
        "running": progress.step != "done",
        "number": progress.number,
        "of": progress.of,
        "said": status_line(progress, language, seconds),
        "wrong": progress.error is not None,
        "questions": list(table.questions),
        "rows": [*shown],
        "skipped": [skipped.reason for skipped in table.skipped],
        "notes": _notes(table, first, len(rows), language),
    }


class Changes:
    """Cuts the rows of one table that the page has seen down to their numbers: a hundred rows sent and read whole at
    every word of an answer would make the page stutter."""

    def __init__(self) -> None:
        self._seen: dict[int, page_data.TableRow | page_data.UnchangedRow] = {}

    def of(self, shown: page_data.TableView) -> page_data.TableView:
        """What is left to send of a sheet."""
        rows = shown["rows"]
        sent: list[page_data.TableRow | page_data.UnchangedRow] = [
            {"number": row["number"]} if self._seen.get(row["number"]) == row else row for row in rows
        ]
        self._seen |= {row["number"]: row for row in rows}
        return {**shown, "rows": sent}


def status_line(progress: TableProgress, language: Language, seconds: float | None) -> str:
    """How far it is, or how it ended."""
    table = progress.table
    facts = {"n": progress.number, "of": progress.of, "failed": table.failed}
    if progress.error:
        return progress.error.say(language)
    if progress.step == "reading" and progress.waiting and progress.waiting.position:
        return t("queue", language).format(n=progress.waiting.position)
    if progress.step == "reading":
        return t("table_reading", language).format(**facts) if progress.of else ""
    if progress.step == "asking":
        parts = [t("table_asking", language).format(**facts)]
        if progress.waiting and progress.waiting.position:
            parts.append(t("queue", language).format(n=progress.waiting.position))
        elif progress.place is None:
            parts.append(t("loading", language))
        elif seconds is not None:
            parts.append(t("table_left", language).format(time=_time(seconds, language)))
        return " · ".join(parts)
    if not table.open:
        return t("table_done", language).format(**facts)
    return t("table_failed" if table.failed and not progress.stopped else "table_stopped", language).format(**facts)


def _row(n: int, row: Row, progress: TableProgress, language: Language) -> page_data.TableRow:
    """A picture and its answers, the growing one among them."""
    cells = [_cell(cell, language) for cell in row.cells]
    if progress.place and progress.place[0] == n and row.cells[progress.place[1]].is_open:
        cells[progress.place[1]] |= {"text": progress.answer, "state": "current"}
    return {
        "number": n,
        "picture": f"pictures/{row.picture.key}",
        "small": f"thumbnails/{row.picture.key}",
        "name": row.picture.credit,
        "cells": cells,
    }


def _cell(cell: Cell, language: Language) -> page_data.TableCell:
    remark = cell.error or (t("table_cut", language) if cell.finish == "length" else "")
    return {"text": cell.answer, "remark": remark, "state": cell.finish or "open"}


def _notes(table: Table, first: int, shown: int, language: Language) -> list[str]:
    notes = []
    if table.unread:
        notes.append(t("table_unread", language).format(n=table.unread))
    if shown < len(table.rows):
        facts = {"first": first + 1, "last": first + shown, "of": len(table.rows)}
        notes.append(t("table_window", language).format(**facts))
    return notes


def _time(seconds: float, language: Language) -> str:
    unit, size = next((u, s) for u, s in (("hours", 3600), ("minutes", 60), ("seconds", 1)) if seconds >= s or s == 1)
    return t(f"table_{unit}", language).format(n=max(1, round(seconds / size)))
