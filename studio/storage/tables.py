"""Tables of answers, kept cell by cell: a table of ten thousand pictures is never written whole for one answer."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, replace
from datetime import datetime

from studio.documents.article import Picture
from studio.documents.table import Cell, Row, Skipped, Table
from studio.errors import InputError
from studio.storage.database import Database, clean, now
from studio.storage.listing import TableRow, first_row, list_rows, require_owned, set_deleted
from studio.storage.picture_files import PictureFiles
from studio.storage.process_locks import Liveness


class Tables:
    """The tables of a store. Everything takes the `person` it belongs to; deleting only hides."""

    def __init__(self, database: Database, files: PictureFiles, alive: Liveness) -> None:
        self._database = database
        self._files = files
        self._alive = alive

    def save(self, person: str, table: Table) -> Table:
        """Keep all of it, as the process that fills it. Gives it back with its id, which it gets at its first save.

        Raises NotFoundError for another's id, InputError when another process fills it.
        """
        self._files.copy_external(row.picture for row in table.rows)
        with self._database.write() as connection:
            if table.id:
                self._claim(connection, person, table.id)
            else:
                id = connection.execute(_INSERT, (person, self._alive.name, now())).lastrowid
                table = replace(table, id=id or 0)
            body = {"origin": table.origin, "unread": table.unread, "model": table.model}
            body |= {"questions": table.questions, "skipped": [asdict(s) for s in table.skipped]}
            names = (row.picture.credit for row in table.rows)
            cover = table.rows[0].picture.key if table.rows else ""
            connection.execute(
                "UPDATE tables SET title = ?, words = ?, body = ?, pictures = ?, questions = ?, open = ?, cover = ?,"
                " changed = ? WHERE id = ?",
                (
                    clean(table.questions[0]),
                    clean("\n".join((*table.questions, table.origin, *names)).casefold()),
                    json.dumps(body),
                    len(table.rows),
                    len(table.questions),
                    table.open,
                    cover,
                    now(),
                    table.id,
                ),
            )
            self._write_rows(connection, table)
        return table

    def put(self, table: Table, row: int, column: int) -> None:
        """Keep one cell of a table that is kept already, as it is in `table`."""
        with self._database.write() as connection:
            found = connection.execute(_CELL, (table.id, row, column)).fetchone()
            was_open = found is None or _cell(found).is_open
            cell = table.rows[row].cells[column]
            connection.execute(_PUT, (table.id, row, column, json.dumps(asdict(cell))))
            answered = was_open - cell.is_open
            update = "UPDATE tables SET open = open - ?, changed = ? WHERE id = ?"
            connection.execute(update, (answered, now(), table.id))

    def get(self, person: str, id: int) -> Table:
        """That table. Raises NotFoundError."""
        sql = "SELECT body FROM tables WHERE id = ? AND person = ? AND deleted IS NULL"
        body = json.loads(first_row(self._database.read(sql, id, person), "table", id)["body"])
        questions = tuple(body["questions"])
        pictures = self._database.read("SELECT picture FROM table_rows WHERE id = ? ORDER BY number", id)
        cells = [[Cell()] * len(questions) for _ in pictures]
        for found in self._database.read("SELECT number, place, cell FROM table_cells WHERE id = ?", id):
            cells[found["number"]][found["place"]] = _cell(found)
        rows = tuple(Row(Picture(**json.loads(p["picture"])), tuple(c)) for p, c in zip(pictures, cells, strict=True))
        skipped = tuple(Skipped(**s) for s in body["skipped"])
        return Table(questions, rows, skipped, body["origin"], body["unread"], body["model"], id)

    def claim(self, person: str, id: int) -> Table:
        """That table, to be filled by this process. Raises NotFoundError, and InputError when another fills it."""
        with self._database.write() as connection:
            self._claim(connection, person, id)
        return self.get(person, id)

    def release(self, id: int) -> None:
        """Nobody fills it any more."""
        with self._database.write() as connection:
            connection.execute("UPDATE tables SET maker = '' WHERE id = ?", (id,))

    def newest(self, person: str, origin: str) -> Table | None:
        """The table last changed whose pictures came from there."""
        sql = "SELECT id, body FROM tables WHERE person = ? AND deleted IS NULL AND pictures > 0 ORDER BY changed DESC"
        ids = (r["id"] for r in self._database.read(sql, person) if json.loads(r["body"])["origin"] == origin)
        id = next(ids, None)
        return None if id is None else self.get(person, id)

    def rows(self, person: str, search: str = "", deleted: bool = False) -> list[TableRow]:
        """Those whose questions or file names have every word of `search`, the last changed first; or the deleted
        ones. A table of which no picture was read is not there."""
        return [
            TableRow(
                r["id"],
                r["title"],
                r["pictures"],
                r["questions"],
                r["open"],
                self._alive.is_alive(r["maker"]),
                datetime.fromisoformat(r["created"]),
                datetime.fromisoformat(r["changed"]),
                r["cover"],
            )
            for r in list_rows(self._database, "tables", person, search, deleted)
            if r["pictures"]
        ]

    def delete(self, person: str, id: int) -> None:
        """Hide it; `undelete` brings it back."""
        set_deleted(self._database, "tables", person, id, now())

    def undelete(self, person: str, id: int) -> None:
        """Bring it back."""
        set_deleted(self._database, "tables", person, id, None)

    def _claim(self, connection: sqlite3.Connection, person: str, id: int) -> None:
        maker = require_owned(connection, "tables", person, id)["maker"]
        if maker != self._alive.name and self._alive.is_alive(maker):
            raise InputError("table_busy")
        connection.execute("UPDATE tables SET maker = ? WHERE id = ?", (self._alive.name, id))

    def _write_rows(self, connection: sqlite3.Connection, table: Table) -> None:
        for name in ("table_rows", "table_cells"):
            connection.execute(f"DELETE FROM {name} WHERE id = ?", (table.id,))
        pictures = ((table.id, n, json.dumps(asdict(row.picture))) for n, row in enumerate(table.rows))
        connection.executemany("INSERT INTO table_rows (id, number, picture) VALUES (?, ?, ?)", pictures)
        cells = (
            (table.id, n, place, json.dumps(asdict(cell)))
            for n, row in enumerate(table.rows)
            for place, cell in enumerate(row.cells)
            if cell != Cell()
        )
        connection.executemany(_PUT, cells)


_INSERT = (
    "INSERT INTO tables (person, title, words, body, pictures, questions, open, cover, maker, created, changed)"
    " VALUES (?, '', '', '', 0, 0, 0, '', ?, ?, '')"
)
_CELL = "SELECT cell FROM table_cells WHERE id = ? AND number = ? AND place = ?"
_PUT = "INSERT OR REPLACE INTO table_cells (id, number, place, cell) VALUES (?, ?, ?, ?)"


def _cell(row: sqlite3.Row) -> Cell:
    return Cell(**json.loads(row["cell"]))
