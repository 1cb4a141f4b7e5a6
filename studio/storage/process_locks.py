"""Which processes are alive, told by locks on files: the system drops a lock when its holder dies, even by kill -9.

Process ids would not do: they are used again, and in containers every studio is number 1.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
import time
from pathlib import Path
from typing import IO

from studio.errors import StorageError
from studio.storage.database import storage_errors

try:
    import fcntl
except ImportError:  # Windows: without these locks every other process counts as gone
    fcntl = None  # type: ignore[assignment]

_NAME = re.compile(r"[0-9a-f]{16}")


class Liveness:
    """One holder's sign of life. `name` may be written down, and asked about later by anyone on the same folder.

    The sign says which version of the tables its holder knows.
    """

    def __init__(self, folder: Path, version: int = 0) -> None:
        self.name = secrets.token_hex(8)
        self._folder = folder
        self._version = version
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for old in folder.iterdir():
                self.is_alive(old.name)  # tidies up after those that are gone
            self._file = self._sign()

    def renew(self) -> None:
        """Give the sign again: the folder was put back from a copy, in which nobody holds it."""
        with storage_errors(self._folder):
            self._folder.mkdir(exist_ok=True, mode=0o700)
            self._file.close()
            self._file = self._sign()

    def is_alive(self, name: str) -> bool:
        """Whether the holder of that name still lives. Forgets one that does not."""
        if name == self.name:
            return True
        path = self._folder / name
        if not _NAME.fullmatch(name) or not path.is_file():
            return False
        try:
            with path.open("a") as file:
                gone = _try_lock(file)
                # One that has just been made and not locked yet looks gone, too; it is empty of work and may lose its
                # file only if it is older than that moment.
                if gone and os.fstat(file.fileno()).st_mtime < time.time() - 10:
                    path.unlink(missing_ok=True)
        except FileNotFoundError:  # another process has just tidied it up
            return False
        return not gone

    def others_are_current(self) -> bool:
        """Whether nobody else is at work who knows only older tables than this one does."""
        others = [path for path in self._folder.iterdir() if path.name != self.name and self.is_alive(path.name)]
        return all(_version_in(path) >= self._version for path in others)

    def close(self) -> None:
        """Count as gone from now on."""
        self._file.close()
        (self._folder / self.name).unlink(missing_ok=True)

    def _sign(self) -> IO[str]:
        """A file of this name, locked before it can be seen."""
        path = self._folder / self.name
        hidden = self._folder / f".{self.name}" if fcntl else path  # Windows renames no open file
        file = hidden.open("w")
        file.write(str(self._version))
        file.flush()
        _try_lock(file)
        if hidden != path:
            os.replace(hidden, path)
        return file


class FolderLock:
    """The place of the one page on a data folder. What is written in it tells where that page is."""

    def __init__(self, folder: Path, address: str) -> None:
        """Raises StorageError, with the address of the other one, when the place is taken."""
        path = folder / "serving"
        with storage_errors(path):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = path.open("a+", encoding="utf-8")
            if not _try_lock(self._file):
                self._file.seek(0)
                other = self._file.read(200).strip() or "?"
                self._file.close()
                raise StorageError("folder_in_use", path=folder, address=other)
            self._file.truncate(0)
            self._file.write(address)
            self._file.flush()

    @staticmethod
    def holder(folder: Path) -> str | None:
        """The address of the page that has the place; None where it is free."""
        try:
            with (folder / "serving").open("r+", encoding="utf-8") as file:
                return None if _try_lock(file) else file.read(200).strip() or "?"
        except OSError:
            return None

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _version_in(path: Path) -> int:
    try:
        text = path.read_text()
    except OSError:  # it has just ended
        return sys.maxsize
    return int(text) if text.isdigit() else 0  # programs that knew no such number left the file empty


def _try_lock(file: IO[str]) -> bool:
    """Take the file's lock if nobody has it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
