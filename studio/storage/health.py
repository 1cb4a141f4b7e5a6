"""Whether the data folder keeps what it is given, found out by giving it something."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable

from studio.errors import StorageError
from studio.storage.database import Database, now, storage_errors

LOW = 16 << 20  # free bytes below which a disk counts as full: a picture, an export and the database's log need them
_FRESH = 1.0  # seconds that an answer is good for, so that asking often costs no writes


class Health:
    """See the module. Safe for many threads."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._answer: StorageError | None = None
        self._asked: float | None = None

    def fault(self) -> StorageError | None:
        """What is wrong, or None."""
        with self._lock:
            if self._asked is None or self._clock() - self._asked > _FRESH:
                self._answer = self._try()
                self._asked = self._clock()
            return self._answer

    def _try(self) -> StorageError | None:
        path = self._database.path
        try:
            with self._database.write() as connection:
                connection.execute("INSERT OR REPLACE INTO facts (name, value) VALUES ('health', ?)", (now(),))
            with storage_errors(path):
                if shutil.disk_usage(path.parent).free < LOW:
                    raise StorageError("disk_full", path=path)
        except StorageError as e:
            return e
        return None
