"""Which processes are alive, told by locks on files: the system drops a lock when its holder dies, even by kill -9.

Process ids would not do: they are used again, and in containers every studio is number 1.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from pathlib import Path
from typing import IO

from studio.storage.database import translated

try:
    import fcntl
except ImportError:  # Windows: without these locks every other process counts as gone
    fcntl = None  # type: ignore[assignment]

_NAME = re.compile(r"[0-9a-f]{16}")


class Liveness:
    """One holder's sign of life. `name` may be written down, and asked about later by anyone on the same folder."""

    def __init__(self, folder: Path) -> None:
        self.name = secrets.token_hex(8)
        self._folder = folder
        with translated(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.iterdir():
                self.is_alive(old.name)  # tidies up after those that are gone
            self._file = (folder / self.name).open("w")
            _try_lock(self._file)

    def is_alive(self, name: str) -> bool:
        """Whether the holder of that name still lives. Forgets one that does not."""
        path = self._folder / name
        if not _NAME.fullmatch(name) or not path.is_file():
            return False
        if name == self.name:
            return True
        with path.open("a") as file:
            gone = _try_lock(file)
            # One that has just been made and not locked yet looks gone, too; it is empty of work and may lose its file
            # only if it is older than that moment.
            if gone and os.fstat(file.fileno()).st_mtime < time.time() - 10:
                path.unlink(missing_ok=True)
        return not gone

    def close(self) -> None:
        """Count as gone from now on."""
        self._file.close()
        (self._folder / self.name).unlink(missing_ok=True)


def _try_lock(file: IO[str]) -> bool:
    """Take the file's lock if nobody has it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
