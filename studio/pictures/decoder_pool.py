"""The decoder processes as the program sees them: at most two, started when needed, ended when idle.

Any thread may call `normalise`; beyond two at once, callers wait for their turn. A process that crashes, hangs or takes
too much memory costs the file it worked on, and the next call starts another one.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from studio.errors import InputError, StudioError
from studio.pictures.cost import LARGEST_FILE, SECONDS, too_costly
from studio.pictures.frames import Header, read_frame, write_frame
from studio.pictures.metadata import Hints

AT_ONCE = 2  # processes, thus files
WAIT_SECONDS = 60.0  # for a turn
IDLE_SECONDS = 120.0  # until a process without work ends
MOST_FILES = 500  # for one process: libraries leak
_START_SECONDS = 30.0
_LARGEST_ANSWER = 64 << 20  # bytes; 2048 × 2048 pixels without any compression are 12 MiB
_ERRORS = frozenset(
    "picture_too_costly picture_too_large picture_truncated picture_unknown picture_unreadable".split()
)
_MIMES = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG"}
_INHERITED = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "SYSTEMROOT")  # no secrets
_START = "import sys; sys.path.append(sys.argv[1]); from studio.pictures.decoder import main; main()"


@dataclass(frozen=True)
class Decoded:
    """A clean picture file, and what the old file said of itself. `peak_memory` is the most bytes its process has had
    since it started, 0 where the system does not tell."""

    data: bytes = field(repr=False)
    mime: str
    width: int
    height: int
    hints: Hints
    peak_memory: int = 0


class DecoderPool:
    """See the module."""

    def __init__(self, at_once: int = AT_ONCE, seconds: float = SECONDS, idle_seconds: float = IDLE_SECONDS) -> None:
        self._seconds, self._idle_seconds = seconds, idle_seconds
        self._turns = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._idle: list[_Decoder] = []
        self._sweeper: threading.Timer | None = None
        atexit.register(self.close)

    def normalise(self, data: bytes, name: str, wait_seconds: float = WAIT_SECONDS) -> Decoded:
        """A clean picture from the bytes of a picture file. `name` stands in the error's sentence.

        Raises InputError: what is wrong with the file, or that too many others are being opened; StudioError when no
        process can be started.
        """
        if len(data) > LARGEST_FILE:
            raise InputError("file_too_large", name=name, size=len(data) >> 20, limit=LARGEST_FILE >> 20)
        if not self._turns.acquire(timeout=wait_seconds):
            raise InputError("pictures_busy", name=name)
        try:
            decoder = self._take() or _start(name)
            try:
                header, made = decoder.ask(data, self._seconds)
                answer = _checked(header, made, name)
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

    def _take(self) -> _Decoder | None:
        """The idle process that worked last, so that a second one ends when one is enough."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                decoder = self._idle.pop()
            if decoder.is_fit():
                return decoder
            decoder.end()

    def _give_back(self, decoder: _Decoder) -> None:
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


class _Decoder:
    """One process, and the pipes to it. One caller at a time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process, self._expired, self._files = process, False, 0
        self.idle_since = 0.0
        self.pid = process.pid

    def ask(self, data: bytes, seconds: float) -> tuple[Header, bytes]:
        """The answer to a file. Raises EOFError, OSError or ValueError when none comes within so many seconds."""
        self._files += 1
        return self._timed(seconds, data)

    def wait_until_ready(self) -> None:
        """Raises as `ask`."""
        self._timed(_START_SECONDS, None)

    def is_fit(self) -> bool:
        """Whether it lives and may take another file."""
        return self._process.poll() is None and not self._expired and self._files < MOST_FILES

    def end(self) -> None:
        """Kill the process and wait for its end, so that nothing is left of it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(OSError):  # what was not sent yet
                    pipe.close()

    def cause_of_death(self, name: str, seconds: float) -> InputError:
        """End it, and say why it gave no answer to the file."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)  # its own end tells more than ours
        code = self._process.returncode
        self.end()
        if self._expired or (os.name == "posix" and code == -signal.SIGALRM):
            return InputError("picture_timeout", name=name, seconds=round(seconds))
        if os.name == "posix" and code == -signal.SIGKILL:  # by the system, which ran out of memory
            return InputError("picture_too_costly", name=name, **too_costly().facts)
        return InputError("picture_crashed", name=name)

    def _timed(self, seconds: float, data: bytes | None) -> tuple[Header, bytes]:
        assert self._process.stdin and self._process.stdout
        timer = threading.Timer(seconds, self._expire)  # pipes have no time-outs, on Windows not even by select
        timer.daemon = True
        timer.start()
        try:
            if data is not None:
                write_frame(self._process.stdin, {}, data)
            return read_frame(self._process.stdout, _LARGEST_ANSWER)
        finally:
            timer.cancel()

    def _expire(self) -> None:
        self._expired = True
        self._process.kill()


def _start(name: str) -> _Decoder:
    """A process that is ready. Raises StudioError."""
    root = str(Path(__file__).parents[2])
    small = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}  # address space is limited
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={key: os.environ[key] for key in _INHERITED if key in os.environ} | small,
            start_new_session=True,
        )
    except OSError as e:
        raise StudioError("decoder_not_started", name=name, cause=e.strerror or str(e)) from e
    decoder = _Decoder(process)
    try:
        decoder.wait_until_ready()
    except (OSError, EOFError, ValueError) as e:
        decoder.end()
        raise StudioError("decoder_not_started", name=name, cause=f"exit code {process.returncode}") from e
    return decoder


def _checked(header: Header, made: bytes, name: str) -> Decoded | InputError:
    """The answer, of which nothing is believed. Raises ValueError, KeyError or TypeError for nonsense."""
    if "error" in header:
        if header["error"] not in _ERRORS:
            raise ValueError("no error that is known")
        error = InputError(header["error"], name=name, **header["facts"])
        error.say()  # a fact that the sentence needs is missing: KeyError
        return error
    if not made.startswith(_MIMES[header["mime"]]):
        raise ValueError("not the format that it is called")
    hints = Hints(str(header["hints"]["caption"]), str(header["hints"]["date"]))
    width, height, peak = (int(header[key]) for key in ("width", "height", "peak"))
    return Decoded(made, header["mime"], width, height, hints, peak)
