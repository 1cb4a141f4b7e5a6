"""Picture files named by the sha256 of their bytes: `files/ab/abcd….jpg`, and the table that knows them.

A file of the starter set lies in the program's own folder and is only noted ("elsewhere"). It is copied here once
something a person made shows it, so that an article stays whole when the starter set changes.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from studio.documents.article import Picture
from studio.errors import NotFoundError
from studio.storage.database import Database, now, translated

SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}
_KEY = re.compile(r"[0-9a-f]{64}")  # nothing else may become part of a path


class StoredFile(Protocol):
    """What the store needs of a picture; `library.intake.TakenIn` is one."""

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


class Files:
    """The folder `files/` and its table."""

    def __init__(self, folder: Path, database: Database) -> None:
        self._folder = folder / "files"
        self._database = database

    def add(self, file: StoredFile, person: str = "") -> str:
        """Write the file, then note it: a crash in between leaves a file too many and never one too few."""
        target = self._place(file.key, file.mime)
        with translated(target):
            write_safely(target, file.data)
        self._note(file.key, file.mime, file.width, file.height, "")
        if person:
            with self._database.write() as connection:
                connection.execute("INSERT OR IGNORE INTO picture_owner VALUES (?, ?)", (file.key, person))
        return file.key

    def adopt(self, key: str, mime: str, width: int, height: int, path: Path) -> None:
        """Note a file that stays where it is."""
        self._note(key, mime, width, height, str(path))

    def keep(self, pictures: Iterable[Picture]) -> None:
        """Copy those that lie elsewhere into the data folder. One that is gone already is left to whoever reads it."""
        for picture in {p.key: p for p in pictures}.values():
            rows = self._database.read("SELECT * FROM files WHERE key = ? AND elsewhere != ''", picture.key)
            if rows and Path(rows[0]["elsewhere"]).is_file():
                target = self._place(picture.key, rows[0]["mime"])
                with translated(target):
                    write_safely(target, Path(rows[0]["elsewhere"]).read_bytes())

    def path(self, key: str) -> Path:
        """Where it lies. Raises NotFoundError."""
        rows = self._database.read("SELECT * FROM files WHERE key = ?", key) if _KEY.fullmatch(key) else []
        for row in rows:
            here = self._place(key, row["mime"])
            if here.is_file():
                return here
            if row["elsewhere"] and Path(row["elsewhere"]).is_file():
                return Path(row["elsewhere"])
        raise NotFoundError("stored_picture_missing", picture=key)

    def read(self, key: str) -> bytes:
        """Its bytes. Raises NotFoundError."""
        path = self.path(key)
        try:
            return path.read_bytes()
        except FileNotFoundError as e:
            raise NotFoundError("stored_picture_missing", picture=key) from e
        except OSError as e:
            with translated(path):
                raise e

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

    def _place(self, key: str, mime: str) -> Path:
        return self._folder / key[:2] / (key + SUFFIXES[mime])

    def _note(self, key: str, mime: str, width: int, height: int, elsewhere: str) -> None:
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
                " elsewhere = CASE excluded.elsewhere WHEN '' THEN elsewhere ELSE excluded.elsewhere END",
                (key, mime, width, height, elsewhere, now()),
            )


def write_safely(target: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut. One of the right size stays."""
    if target.is_file() and target.stat().st_size == len(data):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the new name itself must reach the disk, too; Windows has no such call
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
