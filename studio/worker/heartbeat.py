"""The worker's heartbeats: a thread that tells the page's process which loops get on; see `studio.worker.watchdog`."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

from studio.worker.messages import Heartbeat


class HeartbeatSender:
    """`send` is called in a thread of its own, every `beat` seconds, until it raises OSError."""

    def __init__(self, send: Callable[[Heartbeat], None], beat: float) -> None:
        self._send, self._beat = send, beat
        self._numbers = itertools.count()
        self._progress: dict[str, int] = {}

    def start(self) -> None:
        """Begin to beat."""
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def advance(self, loop: str) -> None:
        """This loop begins to work, or gets on."""
        self._progress[loop] = next(self._numbers)

    def rest(self, loop: str) -> None:
        """This loop has nothing to do."""
        self._progress.pop(loop, None)

    def _run(self) -> None:
        try:
            while True:
                self._send(Heartbeat(dict(self._progress)))
                time.sleep(self._beat)
        except OSError:
            return  # the page is gone; the thread that listens ends the process
