"""One process that runs code, as the page's process sees it: started, given code, watched, frozen, killed.

One caller at a time. Between two runs the process is frozen, so that a thread which the code left behind costs nothing.
"""

from __future__ import annotations

import json
import os
import select
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from studio.documents.steps import StepTable
from studio.errors import StudioError
from studio.tools.sandbox.guards import Guard, command
from studio.tools.sandbox.limits import Limits, too_much_written
from studio.tools.sandbox.lockdown import Rights

_LENGTHS = struct.Struct(">IQ")  # of a frame: header, data
_ENVIRONMENT = {
    **{"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "MPLBACKEND": "Agg", "MALLOC_ARENA_MAX": "2"},
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "2"),
}
HOME = ".home"  # in the folder: what libraries keep for themselves
_LOOK = 0.2  # seconds between two looks at what the code writes
_GRACE = 2.0  # seconds to end by itself when it is stopped
_START_SECONDS = 60.0


@dataclass(frozen=True)
class Run:
    """What came of a piece of code. `pictures` are files that nobody has looked at."""

    text: str
    failed: bool
    pictures: tuple[bytes, ...] = field(default=(), repr=False)
    tables: tuple[StepTable, ...] = ()


class CodeProcess:
    """See the module."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, limits: Limits) -> None:
        self._process, self._limits = process, limits
        self.folder = folder
        self._code_pid = 0  # of the process that runs code, which bubblewrap starts
        self._handle = -1  # of that process: its id may be taken again, its handle never
        self._buffer = b""
        self._cancelled = threading.Event()

    @property
    def alive(self) -> bool:
        """Whether it can be given code."""
        return self._handle >= 0 and self._process.poll() is None

    def run(self, code: str) -> Run:
        """Run code. Raises StudioError when it took too much of something and was ended; its state is lost then."""
        assert self._process.stdin
        data = code.encode("utf-8", "replace")
        deadline = time.monotonic() + self._limits.seconds
        self._signal(signal.SIGCONT)
        try:
            self._process.stdin.write(_LENGTHS.pack(2, len(data)) + b"{}" + data)
            self._process.stdin.flush()
            header, body = self._watched_frame(deadline)
            run = _read_run(header, body)
        except (OSError, EOFError, ValueError, KeyError, TypeError) as e:
            self.end()
            raise StudioError("code_process_died") from e
        except BaseException:
            self.end()
            raise
        finally:
            self._cancelled.clear()
        self._signal(signal.SIGSTOP)
        return run

    def cancel(self) -> None:
        """Stop the code that runs, from any thread: by KeyboardInterrupt, and where that does not help by a kill."""
        self._cancelled.set()
        self._signal(signal.SIGINT)

    def end(self) -> None:
        """Kill it, and wait for its end."""
        self._signal(signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def wait_until_ready(self, info: int, given_up: Callable[[], bool]) -> None:
        """Raises StudioError with the cause where it cannot give up its rights, or when nobody waits any more."""
        deadline = time.monotonic() + _START_SECONDS
        try:
            parent = _pid_from(info, deadline) if info >= 0 else 0
            header, _ = self._patient_frame(deadline, given_up)
            if not header.get("ready"):
                raise StudioError("sandbox_not_started", cause=str(header.get("cause"))[:300])
            self._code_pid = psutil.Process(parent).children()[0].pid if parent else self._process.pid
            self._handle = os.pidfd_open(self._code_pid)
        except (OSError, EOFError, ValueError, IndexError, psutil.Error) as e:
            raise StudioError("sandbox_not_started", cause=str(e) or type(e).__name__) from e
        self._signal(signal.SIGSTOP)

    def _patient_frame(self, deadline: float, given_up: Callable[[], bool]) -> tuple[dict[str, Any], bytes]:
        while True:
            try:
                return self._frame(time.monotonic() + _LOOK)
            except TimeoutError:
                if given_up():
                    raise StudioError("code_stopped") from None
                if time.monotonic() > deadline:
                    raise

    def _watched_frame(self, deadline: float) -> tuple[dict[str, Any], bytes]:
        """The answer. Raises StudioError when the code takes too long or writes too much, TimeoutError never."""
        stopped_at = 0.0
        while True:
            try:
                return self._frame(time.monotonic() + _LOOK, self._limits.reply)
            except TimeoutError:
                pass
            now = time.monotonic()
            if fault := too_much_written(self.folder, self._limits) or self._too_many_threads():
                raise fault
            if self._cancelled.is_set() or now > deadline:
                stopped_at = stopped_at or now
                self._signal(signal.SIGINT)
                if now - stopped_at > _GRACE:
                    if self._cancelled.is_set():
                        raise StudioError("code_stopped_hard")
                    raise StudioError("code_timeout", seconds=round(self._limits.seconds))

    def _too_many_threads(self) -> StudioError | None:
        """Memory limits them only where each has a stack of the usual size."""
        with suppress(psutil.Error):
            if psutil.Process(self._code_pid).num_threads() > self._limits.threads:
                return StudioError("code_too_many_threads", limit=self._limits.threads)
        return None

    def _frame(self, deadline: float, limit: int = 1 << 16) -> tuple[dict[str, Any], bytes]:
        """The next frame; what came of it before a TimeoutError is kept."""
        while True:
            if len(self._buffer) >= _LENGTHS.size:
                text, data = _LENGTHS.unpack_from(self._buffer)
                if text > 1 << 16 or data > limit:
                    raise ValueError(f"a frame of {text:,} + {data:,} bytes")
                end = _LENGTHS.size + text + data
                if len(self._buffer) >= end:
                    frame, self._buffer = self._buffer[_LENGTHS.size : end], self._buffer[end:]
                    header = json.loads(frame[:text])
                    if not isinstance(header, dict):
                        raise ValueError("a frame's header is no object")
                    return header, frame[text:]
            self._buffer += self._read(deadline)

    def _read(self, deadline: float) -> bytes:
        assert self._process.stdout
        pipe = self._process.stdout.fileno()
        if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError("no answer in time")
        if not (data := os.read(pipe, 1 << 20)):
            raise EOFError("the process ended")
        return data

    def _signal(self, number: int) -> None:
        if self._handle >= 0:
            with suppress(OSError):  # it is gone
                signal.pidfd_send_signal(self._handle, number)


def start(
    folder: Path,
    guard: Guard,
    limits: Limits,
    readable: tuple[str, ...],
    forbidden: tuple[str, ...],
    prepare: bool = True,
    given_up: Callable[[], bool] = lambda: False,
) -> CodeProcess:
    """A frozen process that is ready, with `folder` to write in and, with `prepare`, the usual packages loaded. It
    ends with the thread that calls this. What it must not be able to read is tried: `forbidden`.

    Raises StudioError where the guard does not hold on this machine.
    """
    rights = Rights(
        readable, str(folder), limits.memory, limits.file_size, limits.open_files, limits.cpu_seconds, guard.user
    )
    (folder / HOME).mkdir(exist_ok=True)
    if os.geteuid() == 0:
        for path in (folder, folder / HOME):
            os.chown(path, guard.user or 0, guard.user or 0)
    here, there = os.pipe()
    try:
        process = subprocess.Popen(
            command(guard, rights, forbidden, prepare, there),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT | {"HOME": HOME, "MPLCONFIGDIR": HOME, "TMPDIR": HOME} | _library_path(),
            cwd=folder,
            pass_fds=(there,),
            start_new_session=True,
        )
    except OSError as e:
        os.close(here)
        raise StudioError("sandbox_not_started", cause=e.strerror or str(e)) from e
    finally:
        os.close(there)
    made = CodeProcess(process, folder, limits)
    try:
        made.wait_until_ready(here if guard.files_by == "bubblewrap" else -1, given_up)
    except BaseException:
        made.end()
        raise
    finally:
        os.close(here)
    return made


def _read_run(header: dict[str, Any], body: bytes) -> Run:
    """The answer, of which nothing is believed. Raises ValueError, KeyError or TypeError for nonsense."""
    sizes = [int(size) for size in header["sizes"]]
    if not sizes or min(sizes) < 0 or sum(sizes) != len(body) or len(sizes) > 10:
        raise ValueError("sizes that are none")
    said, at, pictures = json.loads(body[: sizes[0]]), sizes[0], []
    for size in sizes[1:]:
        pictures.append(body[at : at + size])
        at += size
    tables = tuple(_read_table(table) for table in said["tables"][:4])
    return Run(str(said["text"])[:25_000], said["failed"] is not False, tuple(pictures), tables)


def _read_table(data: Any) -> StepTable:
    columns, rows, left_out = data
    width = len(columns[:30])
    shown = tuple(tuple(str(cell)[:200] for cell in row[:width]) for row in rows[:50])
    return StepTable(tuple(str(c)[:200] for c in columns[:width]), shown, max(0, int(left_out)))


def _pid_from(info: int, deadline: float) -> int:
    """The id that bubblewrap writes, seen from here."""
    text = b""
    while not text.rstrip().endswith(b"}"):
        if not select.select([info], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError("bubblewrap says nothing")
        if not (more := os.read(info, 4096)):
            raise EOFError("bubblewrap does not work here")
        text += more
    return int(json.loads(text)["child-pid"])


def _library_path() -> dict[str, str]:
    """Some Pythons find their own libraries by it."""
    return {key: os.environ[key] for key in ("LD_LIBRARY_PATH",) if key in os.environ}
