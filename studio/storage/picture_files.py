"""Picture files named by the sha256 of their bytes: `files/ab/abcd….jpg`, and the table that knows them.

A file of the starter set lies in the program's own folder and is only noted ("elsewhere"). It is copied here once
something a person made shows it, so that an article stays whole when the starter set changes.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, Protocol

from studio.documents.article import Picture
from studio.errors import NotFoundError
from studio.storage.atomic_file import TEMPORARY, write_atomically
from studio.storage.database import Database, now, storage_errors

SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}
_STALE_SECONDS = 3600.0  # seconds after which nobody can be writing it any more
_KEY = re.compile(r"[0-9a-f]{64}")  # nothing else may become part of a path


class StoredFile(Protocol):
    """What the store needs of a picture; `library.intake.NormalisedPicture` is one."""

    @property
    def data(self) -> bytes:
        """The bytes of the file."""

    @property
    def key(self) -> str:
        """Their sha256 in hex."""

    @property
    def mime(self) -> str:
        """One of SUFFIXES."""

    @property
    def width(self) -> int:
        """In pixels."""

    @property
    def height(self) -> int:
        """In pixels."""


class PictureFiles:
    """The folder `files/` and its table."""

    def __init__(self, folder: Path, database: Database) -> None:
        self._folder = folder / "files"
        self._database = database

    def remove_partial_files(self) -> None:
        """Remove what processes left that were killed while they wrote a file: never shown, known to nobody."""
        with storage_errors(self._folder):
            for partial in self._folder.glob(f"*/{TEMPORARY}*"):
                with suppress(FileNotFoundError):  # another process has just tidied up
                    if partial.stat().st_mtime < time.time() - _STALE_SECONDS:
                        partial.unlink()

    def add(self, file: StoredFile, person: str = "") -> str:
        """Write the file, then note it: a crash in between leaves a file too many and never one too few."""
        target = self._place(file.key, file.mime)
        self._write(target, file.data)
        self._note(file.key, file.mime, file.width, file.height, "")
        if person:
            insert = "INSERT OR IGNORE INTO picture_owner (key, person) VALUES (?, ?)"
            with self._database.write() as connection:
                connection.execute(insert, (file.key, person))
        return file.key

    def add_external(self, key: str, mime: str, width: int, height: int, path: Path) -> None:
        """Note a file that stays where it is."""
        self._note(key, mime, width, height, str(path))

    def copy_external(self, pictures: Iterable[Picture]) -> None:
        """Copy those that lie elsewhere into the data folder. One that is gone already is left to whoever reads it."""
        for picture in {p.key: p for p in pictures}.values():
            sql = "SELECT mime, elsewhere FROM files WHERE key = ? AND elsewhere != ''"
            rows = self._database.read(sql, picture.key)
            if rows and Path(rows[0]["elsewhere"]).is_file():
                target = self._place(picture.key, rows[0]["mime"])
                with storage_errors(target):
                    data = Path(rows[0]["elsewhere"]).read_bytes()
                self._write(target, data)

    def path(self, key: str) -> Path:
        """Where it lies. Raises NotFoundError."""
        return next((path for path in self._places(key) if path.is_file()), None) or _raise_missing(key)

    def read(self, key: str) -> bytes:
        """Its bytes, which are what its name says: a file that was cut off or changed counts as missing. Raises
        NotFoundError."""
        for path in self._places(key):
            with storage_errors(path), suppress(FileNotFoundError):
                data = path.read_bytes()
                if hashlib.sha256(data).hexdigest() == key:
                    return data
        return _raise_missing(key)

    def mime(self, key: str) -> str:
        """Its media type. Raises NotFoundError."""
        rows = self._database.read("SELECT mime FROM files WHERE key = ?", key) if _KEY.fullmatch(key) else []
        if not rows:
            raise NotFoundError("stored_picture_missing", picture=key)
        return str(rows[0]["mime"])

    def size(self, key: str) -> tuple[int, int]:
        """Its width and height in pixels. Raises NotFoundError."""
        rows = self._database.read("SELECT width, height FROM files WHERE key = ?", key)
        if not rows:
            raise NotFoundError("stored_picture_missing", picture=key)
        return int(rows[0]["width"]), int(rows[0]["height"])

    def _places(self, key: str) -> Iterator[Path]:
        """Where it may lie."""
        sql = "SELECT mime, elsewhere FROM files WHERE key = ?"
        for row in self._database.read(sql, key) if _KEY.fullmatch(key) else []:
            yield self._place(key, row["mime"])
            if row["elsewhere"]:
                yield Path(row["elsewhere"])

    def _write(self, target: Path, data: bytes) -> None:
        self._database.check()  # else folders would be made where the data folder was, in the way of its coming back
        with storage_errors(target):
            write_atomically(target, data)

    def _place(self, key: str, mime: str) -> Path:
        return self._folder / key[:2] / (key + SUFFIXES[mime])

    def _note(self, key: str, mime: str, width: int, height: int, elsewhere: str) -> None:
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO files (key, mime, width, height, elsewhere, created) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (key) DO UPDATE SET"
                " elsewhere = CASE excluded.elsewhere WHEN '' THEN elsewhere ELSE excluded.elsewhere END",
                (key, mime, width, height, elsewhere, now()),
            )


def is_picture_key(key: str) -> bool:
    """Whether this can be the key of a picture."""
    return bool(_KEY.fullmatch(key))


def _raise_missing(key: str) -> NoReturn:
    raise NotFoundError("stored_picture_missing", picture=key)
