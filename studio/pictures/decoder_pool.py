"""The decoder processes as the program sees them: at most two, started when needed, ended when idle.

Any thread may call `normalise`; beyond two at once, callers wait for their turn. A process that crashes, hangs or takes
too much memory costs the file it worked on, and the next call starts another one.
"""

from __future__ import annotations

import atexit
import threading
import time
from dataclasses import dataclass, field

from studio.errors import InputError
from studio.pictures.cost import MAX_FILE_BYTES, SECONDS
from studio.pictures.decoder_client import Decoder, start_decoder
from studio.pictures.frames import Header
from studio.pictures.metadata import Hints, hints_from

AT_ONCE = 2  # processes, thus files
WAIT_SECONDS = 60.0  # for a turn
IDLE_SECONDS = 120.0  # until a process without work ends
_ERRORS = frozenset("picture_too_costly picture_too_large picture_truncated picture_unknown picture_unreadable".split())
_MIMES = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG"}


@dataclass(frozen=True)
class Decoded:
    """A clean picture file, and what the old file said of itself."""

    data: bytes = field(repr=False)
    mime: str
    width: int
    height: int
    hints: Hints


class DecoderPool:
    """See the module."""

    def __init__(self, at_once: int = AT_ONCE, seconds: float = SECONDS, idle_seconds: float = IDLE_SECONDS) -> None:
        self._seconds, self._idle_seconds = seconds, idle_seconds
        self._turns = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._idle: list[Decoder] = []
        self._sweeper: threading.Timer | None = None
        atexit.register(self.close)

    def normalise(self, data: bytes, name: str, wait_seconds: float = WAIT_SECONDS) -> Decoded:
        """A clean picture from the bytes of a picture file. `name` stands in the error's sentence.

        Raises InputError: what is wrong with the file, or that too many others are being opened; StudioError when no
        process can be started.
        """
        if len(data) > MAX_FILE_BYTES:
            raise InputError("file_too_large", name=name, size=len(data) >> 20, limit=MAX_FILE_BYTES >> 20)
        if not self._turns.acquire(timeout=wait_seconds):
            raise InputError("pictures_busy", name=name)
        try:
            decoder = self._take() or start_decoder(name)
            try:
                header, answered = decoder.ask(data, self._seconds)
                answer = _checked(header, answered, name)
            except (OSError, EOFError, ValueError, KeyError, TypeError) as e:
                raise decoder.cause_of_death(name, self._seconds) from e
            except BaseException:
                decoder.end()
                raise
            self._give_back(decoder)
        finally:
            self._turns.release()
        if isinstance(answer, InputError):
            raise answer
        return answer

    def close(self) -> None:
        """End the processes without work. A later call starts one again."""
        with self._lock:
            ended, self._idle = self._idle, []
            if self._sweeper:
                self._sweeper.cancel()
                self._sweeper = None
        for decoder in ended:
            decoder.end()

    @property
    def idle_processes(self) -> list[int]:
        """Ids of the processes that wait for work."""
        with self._lock:
            return [decoder.pid for decoder in self._idle]

    def _take(self) -> Decoder | None:
        """The idle process that worked last, so that a second one ends when one is enough."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                decoder = self._idle.pop()
            if decoder.is_fit():
                return decoder
            decoder.end()

    def _give_back(self, decoder: Decoder) -> None:
        with self._lock:
            decoder.idle_since = time.monotonic()
            self._idle.append(decoder)
            self._plan_sweep()

    def _plan_sweep(self) -> None:
        if self._sweeper is None:
            self._sweeper = threading.Timer(self._idle_seconds, self._sweep)
            self._sweeper.daemon = True
            self._sweeper.start()

    def _sweep(self) -> None:
        """End what has been idle for long enough; look again while something is left."""
        with self._lock:
            due = time.monotonic() - self._idle_seconds
            ended = [decoder for decoder in self._idle if decoder.idle_since <= due]
            self._idle = [decoder for decoder in self._idle if decoder.idle_since > due]
            self._sweeper = None
            if self._idle:
                self._plan_sweep()
        for decoder in ended:
            decoder.end()


def _checked(header: Header, data: bytes, name: str) -> Decoded | InputError:
    """The answer, of which nothing is believed. Raises ValueError, KeyError or TypeError for nonsense."""
    if "error" in header:
        if header["error"] not in _ERRORS:
            raise ValueError("no error that is known")
        error = InputError(header["error"], name=name, **header["facts"])
        error.say()  # a fact that the sentence needs is missing: KeyError
        return error
    if not data.startswith(_MIMES[header["mime"]]):
        raise ValueError("not the format that it is called")
    return Decoded(data, header["mime"], int(header["width"]), int(header["height"]), hints_from(header["hints"]))
