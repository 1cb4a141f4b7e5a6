"""How far a download is: bytes, speed and time left, measured by what lies on the disk, whoever writes it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

EVERY = 0.5  # seconds between two looks
WINDOW = 10.0  # seconds over which the speed is measured


@dataclass(frozen=True)
class Transfer:
    """`done` of `total` bytes, `speed` in bytes a second (0: not known yet), `left` in seconds (None: not known)."""

    done: int
    total: int
    speed: float = 0.0
    left: float | None = None


class Meter:
    """Makes Transfers of byte counts and the times they were taken at."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._taken: deque[tuple[float, int]] = deque()

    def take(self, done: int, now: float) -> Transfer:
        """The state at a time in seconds, which only grows."""
        done = min(done, self._total)
        self._taken.append((now, done))
        while now - self._taken[0][0] > WINDOW:
            self._taken.popleft()
        began, before = self._taken[0]
        speed = max(0.0, (done - before) / (now - began)) if now > began else 0.0
        return Transfer(done, self._total, speed, (self._total - done) / speed if speed > 0 else None)


@contextmanager
def watching(folder: Path, total: int, report: Callable[[Transfer], None] | None) -> Iterator[None]:
    """Report what has come into the folder until the block ends, and once more then."""
    if report is None:
        yield
        return
    meter, ended = Meter(total), threading.Event()

    def watch() -> None:
        while True:
            last = ended.is_set()
            report(meter.take(bytes_in(folder), time.monotonic()))
            if last:
                return
            ended.wait(EVERY)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def bytes_in(folder: Path) -> int:
    """Of all files below a folder; what vanishes meanwhile does not count."""
    found = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            found += path.stat().st_size if path.is_file() else 0
    return found
