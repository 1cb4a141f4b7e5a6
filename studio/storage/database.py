"""One SQLite file in WAL mode: opening, migrating, reading, writing, and translating what goes wrong.

Knows tables only as the SQL of its migrations; what the rows mean is known by `store` and `library`. A database is
used by many threads (one connection behind a lock: every statement here takes well under a millisecond) and by several
processes at once (the page and the command line), which SQLite orders by its own locks.
"""

from __future__ import annotations

import errno
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from studio.errors import StorageError

# Append only: a migration that was once released is never edited. Statements are divided by ";" at a line's end.
MIGRATIONS = [
    """
    CREATE TABLE articles (
        id INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT NULL, current INTEGER NOT NULL,
        title TEXT NOT NULL, instruction TEXT NOT NULL, status TEXT NOT NULL, cover TEXT NOT NULL,
        words TEXT NOT NULL, maker TEXT NOT NULL, created TEXT NOT NULL, changed TEXT NOT NULL, deleted TEXT
    );
    CREATE INDEX articles_by_person ON articles (person, changed);
    CREATE TABLE versions (
        article INTEGER NOT NULL REFERENCES articles, number INTEGER NOT NULL, parent INTEGER,
        created TEXT NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (article, number)
    );
    CREATE TABLE conversations (
        id INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT NULL, title TEXT NOT NULL, words TEXT NOT NULL,
        turns INTEGER NOT NULL, cover TEXT NOT NULL, body TEXT NOT NULL,
        created TEXT NOT NULL, changed TEXT NOT NULL, deleted TEXT
    );
    CREATE INDEX conversations_by_person ON conversations (person, changed);
    CREATE TABLE files (
        key TEXT PRIMARY KEY, mime TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
        elsewhere TEXT NOT NULL, created TEXT NOT NULL
    );
    CREATE TABLE picture_owner (
        key TEXT NOT NULL, person TEXT NOT NULL, PRIMARY KEY (key, person)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE pictures (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, own INTEGER NOT NULL, removed INTEGER NOT NULL DEFAULT 0,
        origin TEXT NOT NULL, title_en TEXT NOT NULL, title_zh TEXT NOT NULL, caption_en TEXT NOT NULL,
        caption_zh TEXT NOT NULL, tags_en TEXT NOT NULL, tags_zh TEXT NOT NULL, vector BLOB, added TEXT NOT NULL
    );
    CREATE VIRTUAL TABLE pictures_en USING fts5 (title, caption, tags, tokenize = 'porter unicode61');
    CREATE VIRTUAL TABLE pictures_zh USING fts5 (title, caption, tags, tokenize = 'trigram');
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID
    """,
    """
    CREATE TABLE tables (
        id INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT NULL, title TEXT NOT NULL, words TEXT NOT NULL,
        body TEXT NOT NULL, pictures INTEGER NOT NULL, questions INTEGER NOT NULL, open INTEGER NOT NULL,
        cover TEXT NOT NULL, maker TEXT NOT NULL, created TEXT NOT NULL, changed TEXT NOT NULL, deleted TEXT
    );
    CREATE INDEX tables_by_person ON tables (person, changed);
    CREATE TABLE table_rows (
        id INTEGER NOT NULL REFERENCES tables, number INTEGER NOT NULL, picture TEXT NOT NULL,
        PRIMARY KEY (id, number)
    ) WITHOUT ROWID;
    CREATE TABLE table_cells (
        id INTEGER NOT NULL REFERENCES tables, number INTEGER NOT NULL, place INTEGER NOT NULL, cell TEXT NOT NULL,
        PRIMARY KEY (id, number, place)
    ) WITHOUT ROWID
    """,
]
_PATIENCE = 20.0  # seconds that a statement waits for another process to finish writing


class Database:
    """The open file. `read` for questions, `write` for transactions."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        with translated(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
            self._connection.row_factory = sqlite3.Row
            try:
                _use_wal(self._connection)
                self._migrate()
            except BaseException:
                self._connection.close()
                raise

    def read(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._lock, translated(self.path):
            try:
                return self._connection.execute(sql, values).fetchall()
            except OverflowError:  # a number beyond SQLite's, out of an address that someone typed: it is in no row
                return []

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is kept, or nothing if the block raises."""
        with self._lock, translated(self.path):
            self._connection.execute("BEGIN IMMEDIATE")  # waits here, not in the middle, for another process
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite itself rolls back when the disk is full
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file. Further use is an error."""
        with self._lock:
            self._connection.close()

    def _migrate(self) -> None:
        if self._version() == len(MIGRATIONS):
            return
        with self.write() as connection:
            found = self._version()  # again, inside: another process may have migrated in between
            if found > len(MIGRATIONS):
                raise StorageError("database_newer", path=self.path, found=found, known=len(MIGRATIONS))
            for script in MIGRATIONS[found:]:
                for statement in script.split(";\n"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL. SQLite does not wait by itself when two processes switch at the same moment."""
    give_up = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as e:
            if not _is(e, sqlite3.SQLITE_BUSY) or time.monotonic() > give_up:
                raise
            time.sleep(0.02)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Errors of SQLite and of the file system become StorageError."""
    try:
        yield
    except sqlite3.Error as e:
        if _is(e, sqlite3.SQLITE_FULL):
            raise StorageError("disk_full", path=path) from e
        if _is(e, sqlite3.SQLITE_BUSY) or _is(e, sqlite3.SQLITE_LOCKED):
            raise StorageError("database_busy", path=path) from e
        if _is(e, sqlite3.SQLITE_CORRUPT) or _is(e, sqlite3.SQLITE_NOTADB):
            raise StorageError("database_broken", path=path, cause=e) from e
        raise StorageError("data_unwritable", path=path.parent, cause=e) from e
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError("disk_full", path=path) from e
        raise StorageError("data_unwritable", path=path.parent, cause=e.strerror or type(e).__name__) from e


def _is(error: sqlite3.Error, code: int) -> bool:
    found = getattr(error, "sqlite_errorcode", 0)
    return found & 0xFF == code  # the low byte is the primary code


def now() -> str:
    """This moment as the tables keep it: ISO 8601 in UTC, which sorts as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def clean(text: str) -> str:
    """Text that SQLite can keep: halves of characters (lone surrogates, from a broken client) become "?"."""
    return text.encode("utf-8", "replace").decode()
