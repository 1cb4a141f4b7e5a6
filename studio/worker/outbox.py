"""Messages to a process that may not read them: written by a thread of their own, so that nobody else ever waits."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from multiprocessing.connection import Connection


class Outbox:
    """`send` never blocks, whatever the size of the message and the state of the reader. In order."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._messages: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="worker outbox", daemon=True)
        self._thread.start()

    def send(self, message: object) -> None:
        """Hand over a message; it is dropped when the reader is gone."""
        self._messages.put(message)

    def close(self, timeout: float) -> bool:
        """Write nothing more, once the reader is gone. False when the thread is still in a write after `timeout`."""
        self._messages.put(_END)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _write(self) -> None:
        with suppress(OSError):  # the reader is gone; whoever watches it finds out and settles the calls
            while (message := self._messages.get()) is not _END:
                self._connection.send(message)


_END = object()
