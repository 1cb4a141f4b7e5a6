"""Web pages and their versions, kept as articles are: undo goes to the version that one was made from."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import datetime
from typing import Literal

from studio.documents import web_page as pages
from studio.documents.web_page import WebPage
from studio.errors import InputError
from studio.storage.database import Database, clean, now
from studio.storage.listing import WebPageRow, first_row, list_rows, require_owned, set_deleted
from studio.storage.process_locks import Liveness


class WebPages:
    """The web pages of a store. Everything takes the `person` it belongs to; deleting only hides.

    A page that is being written is one version, however often it is saved. `maker` is the process that writes it: where
    that is gone, what was written counts as stopped.
    """

    def __init__(self, database: Database, alive: Liveness) -> None:
        self._database, self._alive = database, alive

    def save(self, person: str, page: WebPage) -> WebPage:
        """Keep it as a new version, or in the one under way. Gives it back with its numbers. Raises NotFoundError for
        another's id, InputError while another process writes it."""
        with self._database.write() as connection:
            if page.id:
                row = require_owned(connection, "web_pages", person, page.id, deleted=True)
                last, parent = row["current"], row["current"]
                if row["maker"] != self._alive.name and self._alive.is_alive(row["maker"]):
                    raise InputError("web_page_busy")
                if row["maker"] == self._alive.name:
                    parent = connection.execute(_VERSION, (page.id, last)).fetchone()["parent"]
                else:
                    newest = "SELECT max(number) FROM web_page_versions WHERE page = ?"
                    last = connection.execute(newest, (page.id,)).fetchone()[0] + 1
            else:
                id = connection.execute(_INSERT, (person, now())).lastrowid
                page, last, parent = replace(page, id=id or 0), 1, None
            body = json.dumps(pages.to_dict(page))
            connection.execute(_PUT, (page.id, last, parent, now(), body))
            page = replace(page, version=last)
            self._point(connection, page)
        return page

    def discard(self, person: str, page: WebPage) -> WebPage:
        """Forget the version under way, in which nothing was written, and give the one before; of a page that has no
        other, the same."""
        with self._database.write() as connection:
            require_owned(connection, "web_pages", person, page.id, deleted=True)
            parent = connection.execute(_VERSION, (page.id, page.version)).fetchone()["parent"]
            if parent is None:
                return page
            connection.execute("DELETE FROM web_page_versions WHERE page = ? AND number = ?", (page.id, page.version))
            before = self._read(connection, page.id, parent)
            self._point(connection, before)
        return before

    def get(self, person: str, id: int) -> WebPage:
        """The current version. Raises NotFoundError."""
        with self._database.write() as connection:
            row = require_owned(connection, "web_pages", person, id)
            page = self._read(connection, id, row["current"])
            if page.status == "writing" and not self._alive.is_alive(row["maker"]):
                page = replace(page, status="stopped")
        return page

    def at(self, person: str, id: int, version: int) -> WebPage:
        """The page as it was in that version. Raises NotFoundError."""
        with self._database.write() as connection:
            require_owned(connection, "web_pages", person, id)
            return self._read(connection, id, version)

    def step(self, person: str, id: int, by: Literal[-1, 1]) -> WebPage:
        """Undo (-1) or redo (+1) one step and give the page there; at the end of the line it stays as it is."""
        with self._database.write() as connection:
            number = require_owned(connection, "web_pages", person, id)["current"]
            page = self._read(connection, id, self._next(connection, id, number, by) or number)
            if page.version != number:
                self._point(connection, replace(page, status="stopped") if page.status == "writing" else page)
        return page

    def can_step(self, person: str, id: int) -> tuple[bool, bool]:
        """Whether there is something to undo, and something to redo."""
        with self._database.write() as connection:
            number = require_owned(connection, "web_pages", person, id)["current"]
            back, forward = (self._next(connection, id, number, by) for by in (-1, 1))
        return back is not None, forward is not None

    def rows(self, person: str, search: str = "", deleted: bool = False) -> list[WebPageRow]:
        """Those that have every word of `search`, the last changed first; or the deleted ones."""
        found = list_rows(self._database, "web_pages", person, search, deleted)
        return [WebPageRow(r["id"], r["title"], datetime.fromisoformat(r["changed"])) for r in found]

    def delete(self, person: str, id: int) -> None:
        """Hide it; `undelete` brings it back."""
        set_deleted(self._database, "web_pages", person, id, now())

    def undelete(self, person: str, id: int) -> None:
        """Bring it back."""
        set_deleted(self._database, "web_pages", person, id, None)

    def _read(self, connection: sqlite3.Connection, id: int, version: int) -> WebPage:
        rows = connection.execute(_VERSION, (id, version)).fetchall() if 0 < version < 2**63 else []
        return pages.from_dict(json.loads(first_row(rows, "web_page", id)["body"]), id, version)

    def _next(self, connection: sqlite3.Connection, id: int, number: int, by: Literal[-1, 1]) -> int | None:
        back = "SELECT parent FROM web_page_versions WHERE page = ? AND number = ?"
        forward = "SELECT max(number) FROM web_page_versions WHERE page = ? AND parent = ?"
        found = connection.execute(back if by < 0 else forward, (id, number)).fetchone()[0]
        return None if found is None else int(found)

    def _point(self, connection: sqlite3.Connection, page: WebPage) -> None:
        """Make a version the current one, and its words the ones that the list and search see."""
        title = page.title or " ".join(page.text.split())[:80]
        words = "\n".join((title, page.text, page.source)).casefold()
        maker = self._alive.name if page.status == "writing" else ""
        values = (page.version, clean(title), clean(words), maker, now(), page.id)
        update = "UPDATE web_pages SET current = ?, title = ?, words = ?, maker = ?, changed = ? WHERE id = ?"
        connection.execute(update, values)


_INSERT = (
    "INSERT INTO web_pages (person, current, title, words, maker, created, changed) VALUES (?, 0, '', '', '', ?, '')"
)
_PUT = "INSERT OR REPLACE INTO web_page_versions (page, number, parent, created, body) VALUES (?, ?, ?, ?, ?)"
_VERSION = "SELECT parent, body FROM web_page_versions WHERE page = ? AND number = ?"
