"""The last states of articles that the data folder did not take: it was gone, full or could not be written when they
ended. They are tried again until it takes them, so that nobody has to come back for a text that was finished."""

from __future__ import annotations

import threading
from collections.abc import Callable

from studio.documents.article import Article
from studio.errors import StorageError, StudioError

RETRY_INTERVAL = 2.0  # seconds between two tries
Save = Callable[[str, Article, str], None]


class Unsaved:
    """Safe for many threads; has one of its own only while there is something to save."""

    def __init__(self, save: Save, every: float = RETRY_INTERVAL) -> None:
        self._save = save
        self._every = every
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[str, Article, str]] = {}
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def add(self, person: str, article: Article, reason: str) -> None:
        """Save it as soon as that is possible."""
        with self._lock:
            self._waiting[article.id] = person, article, reason
            if not self._thread and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="unsaved articles", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Try a last time."""
        self._closed.set()
        if thread := self._thread:
            thread.join()

    def _run(self) -> None:
        while True:
            last = self._closed.wait(self._every)
            with self._lock:
                waiting = dict(self._waiting)
            for end in waiting.values():
                self._try(*end)
            with self._lock:
                if last or not self._waiting:
                    self._thread = None
                    return

    def _try(self, person: str, article: Article, reason: str) -> None:
        try:
            self._save(person, article, reason)
        except StorageError:
            return  # still
        except StudioError:
            pass  # it is not there any more
        with self._lock:
            if self._waiting.get(article.id) == (person, article, reason):
                del self._waiting[article.id]
