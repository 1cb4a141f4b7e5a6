"""Rows of the store as lists show them, and the questions that everything listed shares.

The table names here come from this program and never from a person.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from studio.documents.article import Status
from studio.errors import NotFoundError
from studio.storage.database import Database, clean

Kind = Literal["articles", "conversations", "tables", "personas", "web_pages"]  # names of SQL tables
_LIST_COLUMNS: dict[Kind, str] = {  # the columns that a list shows
    "articles": "id, title, instruction, status, created, changed, cover",
    "conversations": "id, title, turns, created, changed, cover, body, kind",
    "tables": "id, title, pictures, questions, open, maker, created, changed, cover",
    "personas": "id, name, changed",
    "web_pages": "id, title, changed",
}
_OWNER_COLUMNS: dict[Kind, str] = {  # those that a change of one needs to know
    "articles": "id, current, status",
    "conversations": "id",
    "tables": "id, maker",
    "personas": "id",
    "web_pages": "id, current, maker",
}


@dataclass(frozen=True)
class Version:
    """One version of an article. `reason` is what made it, in the caller's words ("write", "edit", …)."""

    number: int
    created: datetime
    reason: str
    current: bool


@dataclass(frozen=True)
class ArticleRow:
    """An article as a list shows it. `cover` is the key of its first picture, or empty."""

    id: int
    title: str
    instruction: str
    status: Status
    created: datetime
    changed: datetime
    cover: str


@dataclass(frozen=True)
class ConversationRow:
    """A conversation as a list shows it: `title` is its own or the first question, `cover` the key of the first
    picture, `liked` how many answers were, `kind` what it is."""

    id: int
    title: str
    turns: int
    created: datetime
    changed: datetime
    cover: str
    liked: int = 0
    kind: str = "pictures"


@dataclass(frozen=True)
class TableRow:
    """A table of answers as a list shows it: `title` is its first question, `open` how many cells wait for one."""

    id: int
    title: str
    pictures: int
    questions: int
    open: int
    running: bool
    created: datetime
    changed: datetime
    cover: str


@dataclass(frozen=True)
class WebPageRow:
    """A web page as a list shows it."""

    id: int
    title: str
    changed: datetime


def list_rows(database: Database, table: Kind, person: str, search: str, deleted: bool) -> list[sqlite3.Row]:
    """Those that have every word of `search`, the last changed first; or the deleted ones."""
    words = clean(search).casefold().split()
    where = f"deleted IS {'NOT ' * deleted}NULL" + " AND instr(words, ?) > 0" * len(words)
    sql = f"SELECT {_LIST_COLUMNS[table]} FROM {table} WHERE person = ? AND {where} ORDER BY changed DESC, id DESC"
    return database.read(sql, person, *words)


def set_deleted(database: Database, table: Kind, person: str, id: int, when: str | None) -> None:
    """Mark as deleted at a time, or with None as not deleted. Raises NotFoundError."""
    with database.write() as connection:
        require_owned(connection, table, person, id, deleted=True)
        connection.execute(f"UPDATE {table} SET deleted = ? WHERE id = ?", (when, id))


def first_row(rows: list[sqlite3.Row], kind: str, id: int) -> sqlite3.Row:
    """The first row. Raises NotFoundError with the sentence for that kind when there is none."""
    if not rows:
        raise NotFoundError(f"{kind}_missing", id=id)
    return rows[0]


def require_owned(
    connection: sqlite3.Connection, table: Kind, person: str, id: int, deleted: bool = False
) -> sqlite3.Row:
    """The row of that number if it is this person's (and not deleted, unless that is allowed)."""
    only = "" if deleted else " AND deleted IS NULL"
    sql = f"SELECT {_OWNER_COLUMNS[table]} FROM {table} WHERE id = ? AND person = ?{only}"
    rows = connection.execute(sql, (id, person)).fetchall() if id < 2**63 else []  # more than SQLite can count
    return first_row(rows, table.removesuffix("s"), id)


def neighbouring_version(connection: sqlite3.Connection, id: int, number: int, by: Literal[-1, 1]) -> int | None:
    """The version that undo or redo goes to."""
    if by < 0:
        sql = "SELECT parent FROM versions WHERE article = ? AND number = ?"
    else:
        sql = "SELECT max(number) FROM versions WHERE article = ? AND parent = ?"
    found = connection.execute(sql, (id, number)).fetchone()[0]
    return None if found is None else int(found)
