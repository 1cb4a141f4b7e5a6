"""One SQLite file in WAL mode: opening, migrating, reading, writing, and translating what goes wrong.

What the rows mean is known by `store` and `library`. A database is used by many threads (one connection behind a lock:
every statement here takes well under a millisecond) and by several processes at once (the page and the command line),
which SQLite orders by its own locks.
"""

from __future__ import annotations

import errno
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from studio.errors import StorageError
from studio.storage.migrations import migrate

_PATIENCE = 20.0  # seconds that a statement waits for another process to finish writing
_SETTLED = 3.0  # seconds without a change after which a file that was put in the database's place counts as copied


class Database:
    """The open file. `read` for questions, `write` for transactions.

    Both first look whether the file they have open is still the one at the path: SQLite goes on with a file that was
    deleted or moved away, and would keep nothing while saying that it did. Another file in its place, a copy put back
    for example, is opened instead.
    """

    def __init__(
        self,
        path: Path,
        may_migrate: Callable[[], bool] = lambda: True,
        reopened: Callable[[], None] = lambda: None,
    ) -> None:
        self.path = path
        self._may_migrate = may_migrate
        self._reopened = reopened
        self._lock = threading.RLock()
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._connection = self._connect()
            self._file = _file_at(path)

    def read(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._lock, storage_errors(self.path):
            self._follow_file()
            try:
                return self._connection.execute(sql, values).fetchall()
            except OverflowError:  # a number beyond SQLite's, out of an address that someone typed: it is in no row
                return []

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is kept, or nothing if the block raises. When it ends it is on the disk."""
        with self._lock, storage_errors(self.path):
            self._follow_file()
            connection, file = self._connection, self._file
            connection.execute("BEGIN IMMEDIATE")  # waits here, not in the middle, for another process
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite itself rolls back when the disk is full
                    connection.execute("ROLLBACK")
                raise
            if _file_at(self.path) != file:  # it went away in these milliseconds, and what was written with it
                raise StorageError("data_gone", path=self.path.parent)

    def check(self) -> None:
        """Raises StorageError when the file is gone: for whoever is about to write files beside it."""
        with self._lock, storage_errors(self.path):
            self._follow_file()

    def close(self) -> None:
        """Close the file. Further use is an error."""
        with self._lock:
            self._connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        try:
            _use_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")  # a commit outlives a power cut
            migrate(connection, self.path, self._may_migrate)
        except BaseException:
            connection.close()
            raise
        return connection

    def _follow_file(self) -> None:
        found = _file_at(self.path)
        if found == self._file:
            return
        # It is not made anew: where the folder is a disk that was taken out, it would be on another one.
        if found is None or time.time() - found.changed < _SETTLED:
            raise StorageError("data_gone", path=self.path.parent)
        fresh = self._connect()
        self._connection.close()  # SQLite sees that its file has moved, and leaves the new one's WAL alone
        self._connection, self._file = fresh, found
        self._reopened()


@dataclass(frozen=True)
class _File:
    """Which file it is, whatever its name, and when it changed (not compared: seconds since 1970)."""

    device: int
    number: int
    changed: float = field(compare=False)


def _file_at(path: Path) -> _File | None:
    """The file at a path; None where there is none."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _File(found.st_dev, found.st_ino, found.st_mtime)


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
def storage_errors(path: Path) -> Iterator[None]:
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


def make_folder(data: Path, folder: Path) -> None:
    """Make a folder somewhere below the data folder. Raises StorageError where the data folder itself is gone: made
    anew it would be empty, and in the way of its coming back."""
    with storage_errors(folder):
        if not data.is_dir():
            raise StorageError("data_gone", path=data)
        folder.mkdir(parents=True)


def now() -> str:
    """This moment as the tables keep it: ISO 8601 in UTC, which sorts as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def clean(text: str) -> str:
    """Text that SQLite can keep: halves of characters (lone surrogates, from a broken client) become "?"."""
    return text.encode("utf-8", "replace").decode()
