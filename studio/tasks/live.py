"""Work under way and those who watch it: one thread shows states, any number of readers follow the newest."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Generic, TypeVar

SHOW_EVERY = 0.05  # seconds between two states that a reader gets
T = TypeVar("T")


class Live(Generic[T]):
    """The newest state of some work. A reader who is slow, or comes late, misses states but never the last one."""

    def __init__(self, state: T) -> None:
        self.state = state
        self.ended = False
        self._count = 0
        self._changed = threading.Condition()

    def show(self, state: T, last: bool = False) -> None:
        """For the thread at work: a new state; after the last one nothing more may come."""
        with self._changed:
            self.state = state
            self.ended = last
            self._count += 1
            self._changed.notify_all()

    def updates(self) -> Iterator[T]:
        """The newest state whenever it changed, not more often than a page can show, until the last one."""
        seen = -1
        while True:
            with self._changed:
                while not (self._count > seen or self.ended):
                    self._changed.wait()
                seen, state, ended = self._count, self.state, self.ended
            yield state
            if ended:
                return
            time.sleep(SHOW_EVERY)

    def wait(self, timeout: float) -> None:
        """Until the last state is there, at most `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self.ended, timeout)
