"""One worker process, from its start to its death, as the page's process holds it.

Three threads: the one that starts it also watches it (`watch`), one reads its messages, one writes to it. None of them
holds a lock while it reads or writes, so a worker in whatever state makes nobody wait.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import wait

from studio.errors import WorkerDied
from studio.specs import EngineSpec
from studio.worker import process
from studio.worker.messages import Crashed, FromWorker, Heartbeat, Ready, ToWorker
from studio.worker.outbox import Outbox
from studio.worker.timing import Timing
from studio.worker.watchdog import Effort, Watchdog, effort_of


class WorkerHandle:
    """Starts the process. While it is watched, `receive` gets its messages, in a thread of its own. Raises OSError when
    it cannot start.

    The thread that creates it must live as long as the process: on Linux the kernel kills the one with the other.
    """

    def __init__(self, spec: EngineSpec, timing: Timing, receive: Callable[[WorkerHandle, FromWorker], None]) -> None:
        self._timing, self._receive = timing, receive
        self._watchdog = Watchdog(timing)
        self._lock = threading.Lock()  # of the watchdog
        self._heard = time.monotonic()
        self._crash = ""
        self._effort = Effort()
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=process.main, args=(spec, theirs, timing.beat), name="studio-worker", daemon=True
        )
        try:
            self._process.start()
        finally:
            theirs.close()
        self._outbox = Outbox(self._connection)
        self._reader = threading.Thread(target=self._read, name="worker reader", daemon=True)

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process.pid
        return self._process.pid

    @property
    def silent(self) -> float:
        """Seconds since it was heard of."""
        return time.monotonic() - self._heard

    def send(self, message: ToWorker) -> None:
        """Send a message; never blocks."""
        self._outbox.send(message)

    def kill(self) -> None:
        """End the process, also one that is stopped. It holds nothing that needs an orderly end."""
        self._process.kill()

    def watch(self, tick: Callable[[], None]) -> WorkerDied:
        """Wait until the process is dead, killing it when it hangs; what to tell those whose calls it had. `tick` is
        called once a beat."""
        self._reader.start()
        hung: float | None = None
        before = time.monotonic()
        while hung is None and not wait([self._process.sentinel], self._timing.beat):
            now = time.monotonic()
            hung = self._hung(now - before)
            before = now
            tick()
        self.kill()
        self._process.join(self._timing.kill)
        self._reader.join(self._timing.kill)  # what it sent before it died still counts
        if self._outbox.close(self._timing.kill) and not self._reader.is_alive():
            self._connection.close()
        if hung is not None:
            return WorkerDied("worker_hung", seconds=round(hung))
        return WorkerDied("worker_died", cause=self._crash or _cause(self._process.exitcode))

    def _hung(self, seconds: float) -> float | None:
        with self._lock:
            worked = True
            if self._watchdog.suspicious:
                effort = effort_of(self.pid)
                worked = effort.exceeds(self._effort, seconds)
                self._effort = effort
            return self._watchdog.tick(seconds, worked)

    def _read(self) -> None:
        with suppress(EOFError, OSError):  # it is dead, or about to be
            while True:
                message: FromWorker = self._connection.recv()
                self._heard = time.monotonic()
                match message:
                    case Heartbeat(progress):
                        with self._lock:
                            self._watchdog.beat(progress)
                    case Crashed(cause):
                        self._crash = cause
                    case _:
                        if isinstance(message, Ready):
                            with self._lock:
                                self._watchdog.loading = False
                        self._receive(self, message)


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        return f"{name}, perhaps out of memory" if name == "SIGKILL" else name
    return f"exit code {exitcode}"
