"""One decoder process: started, given files, killed when it takes too long. `decoder_pool.py` decides when."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from studio.errors import InputError, StudioError
from studio.pictures.cost import PATIENCE, too_costly
from studio.pictures.frames import Header, read_frame, write_frame

MAX_FILES = 500  # for one process: libraries leak
_START_SECONDS = 30.0
_MAX_REPLY_BYTES = 64 << 20  # bytes; 2048 × 2048 pixels without any compression are 12 MiB
_INHERITED = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "SYSTEMROOT")  # no secrets
_START = "import sys; sys.path.append(sys.argv[1]); from studio.pictures.decoder import main; main()"


class Decoder:
    """One process, and the pipes to it. One caller at a time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process, self._expired, self._files = process, False, 0
        self.idle_since = 0.0
        self.pid = process.pid

    def ask(self, data: bytes, seconds: float) -> tuple[Header, bytes]:
        """The answer to a file; its header also tells `cpu` seconds and the `peak` of memory in bytes since the process
        started. Raises EOFError, OSError or ValueError when none comes within so many seconds of a core."""
        self._files += 1
        return self._timed(PATIENCE * seconds, data, seconds)

    def wait_until_ready(self) -> None:
        """Raises as `ask`."""
        self._timed(_START_SECONDS)

    def is_fit(self) -> bool:
        """Whether it lives and may take another file."""
        return self._process.poll() is None and not self._expired and self._files < MAX_FILES

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
        if self._expired or (os.name == "posix" and code in (-signal.SIGPROF, -signal.SIGALRM)):
            return InputError("picture_timeout", name=name, seconds=round(seconds))
        if os.name == "posix" and code == -signal.SIGKILL:  # by the system, which ran out of memory
            return InputError("picture_too_costly", name=name, **too_costly().facts)
        return InputError("picture_crashed", name=name)

    def _timed(self, seconds: float, data: bytes | None = None, cpu: float = 0.0) -> tuple[Header, bytes]:
        assert self._process.stdin and self._process.stdout
        timer = threading.Timer(seconds, self._expire)  # pipes have no time-outs, on Windows not even by select
        timer.daemon = True
        timer.start()
        try:
            if data is not None:
                write_frame(self._process.stdin, {"seconds": cpu}, data)
            return read_frame(self._process.stdout, _MAX_REPLY_BYTES)
        finally:
            timer.cancel()

    def _expire(self) -> None:
        self._expired = True
        self._process.kill()


def start_decoder(name: str) -> Decoder:
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
    decoder = Decoder(process)
    try:
        decoder.wait_until_ready()
    except (OSError, EOFError, ValueError) as e:
        decoder.end()
        raise StudioError("decoder_not_started", name=name, cause=f"exit code {process.returncode}") from e
    return decoder
