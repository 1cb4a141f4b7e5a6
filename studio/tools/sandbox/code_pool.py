"""The processes that run code as the program sees them: one a conversation, kept for its variables, and one that is
ready for the next conversation.

A process that is ready has a folder of its own. A conversation that takes it gets that folder as its own: the files it
has already are moved in, and the folder takes the conversation's name, which the process does not notice.
"""

from __future__ import annotations

import atexit
import os
import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path

from studio.errors import BusyError, StudioError
from studio.storage.conversation_files import remove_folder
from studio.tools.registry import StopSignal
from studio.tools.sandbox.code_process import HOME, CodeProcess, Run, start
from studio.tools.sandbox.guards import compile_packages, guards, readable, unavailable
from studio.tools.sandbox.limits import LIMITS, Limits, too_much_written

AT_ONCE = 6  # conversations with a process
IDLE_SECONDS = 900.0  # until a conversation loses its variables
_SPARE = "ready-"  # how the folders of processes without a conversation begin


class CodePool:
    """See the module. `root` is the folder of the conversations' folders, `data` what no code may read. `close` it."""

    def __init__(
        self,
        root: Path,
        data: Path,
        limits: Limits = LIMITS,
        at_once: int = AT_ONCE,
        idle_seconds: float = IDLE_SECONDS,
        prepare: bool = True,
    ) -> None:
        self._root, self._data, self._limits = root, data, limits
        self._at_once, self._idle_seconds, self._prepare = at_once, idle_seconds, prepare
        self._lock = threading.Lock()
        self._processes: dict[Path, tuple[CodeProcess, float]] = {}  # by conversation; when it was last used
        self._busy: set[Path] = set()
        # A process ends with the thread that started it, so one thread, which lasts as long as the program, starts all.
        self._starter = ThreadPoolExecutor(1, "code")
        self._spare: Future[CodeProcess] | None = None
        self._failed: StudioError | None = None
        self._sweeper: threading.Timer | None = None
        self._closed = False
        atexit.register(self.close)

    def unavailable(self) -> StudioError | None:
        """Why no code runs here; None where it does, as far as that is known."""
        return self._failed or unavailable(self._data)

    def warm(self) -> None:
        """Have a process ready soon. Returns at once."""
        with self._lock:
            if self._spare is None and not self._closed and self.unavailable() is None:
                self._spare = self._starter.submit(self._start)

    def run(self, folder: Path, code: str, stop: StopSignal) -> tuple[Run, bool]:
        """Run code in the process of the conversation whose folder this is. The second value says that its variables
        were lost since it last ran code. Raises StudioError, BusyError when too many others are at it."""
        process, forgot = self._take(folder, stop)
        try:
            if fault := too_much_written(folder, self._limits):
                raise fault
            run = stop.watch(process).run(code)
        finally:
            with self._lock:
                self._busy.discard(folder)
                if process.alive:
                    self._processes[folder] = (process, time.monotonic())
                    self._plan_sweep()
        return run, forgot

    def forget(self, folder: Path) -> None:
        """End the process of a conversation."""
        with self._lock:
            process, _ = self._processes.pop(folder, (None, 0.0))
        if process:
            process.end()

    def close(self) -> None:
        """End every process. Code that runs is killed."""
        with self._lock:
            self._closed = True
            ended, self._processes = [process for process, _ in self._processes.values()], {}
            spare, self._spare = self._spare, None
            if self._sweeper:
                self._sweeper.cancel()
        if spare and not spare.cancel():
            with suppress(StudioError):
                ended.append(spare.result())
        for process in ended:
            process.end()
            if process.folder.name.startswith(_SPARE):
                remove_folder(process.folder)
        self._starter.shutdown(wait=False, cancel_futures=True)
        atexit.unregister(self.close)

    @property
    def processes(self) -> list[Path]:
        """The conversations that have a process and run no code now."""
        with self._lock:
            return [*self._processes]

    def _take(self, folder: Path, stop: StopSignal) -> tuple[CodeProcess, bool]:
        with self._lock:
            if folder in self._busy:
                raise BusyError("code_busy")
            process, _ = self._processes.pop(folder, (None, 0.0))
            if process and process.alive:
                self._busy.add(folder)
                return process, False
            if len(self._busy) >= self._at_once:
                raise BusyError("code_busy")
            self._busy.add(folder)
            idle = self._surplus()
        for old in (process, *idle):
            if old:
                old.end()
        try:
            return self._adopt(folder, stop)
        except BaseException:
            with self._lock:
                self._busy.discard(folder)
            raise

    def _surplus(self) -> list[CodeProcess]:
        """The processes that waited longest, beyond what may be there at once."""
        oldest = sorted(self._processes, key=lambda folder: self._processes[folder][1])
        count = max(0, len(oldest) + len(self._busy) - self._at_once)
        return [self._processes.pop(folder)[0] for folder in oldest[:count]]

    def _adopt(self, folder: Path, stop: StopSignal) -> tuple[CodeProcess, bool]:
        """Give the process that is ready to a conversation, and start the next one."""
        process = self._ready(stop)
        forgot = (folder / HOME).exists()
        if folder.exists():
            for name in os.listdir(folder):
                if name != HOME:
                    os.rename(folder / name, process.folder / name)
            remove_folder(folder)
        os.rename(process.folder, folder)
        process.folder = folder
        self.warm()
        return process, forgot

    def _ready(self, stop: StopSignal) -> CodeProcess:
        while True:
            if fault := self.unavailable():
                raise fault
            self.warm()
            with self._lock:
                spare, self._spare = self._spare, None
            if spare is None:
                continue  # another thread was quicker
            while not spare.done():
                wait([spare], timeout=0.1)
                if stop.pressed:
                    spare.add_done_callback(_end_unused)
                    raise StudioError("code_stopped")
            process = spare.result()
            if process.alive:
                return process
            process.end()

    def _start(self) -> CodeProcess:
        """By the first guard that holds here. The error of the last one stays, so that nobody tries again."""
        self._root.mkdir(parents=True, exist_ok=True)
        os.chmod(self._root, 0o711)  # a code's own user must get to its folder; names of folders cannot be guessed
        if self._prepare:
            compile_packages()
        error = StudioError("sandbox_nothing_offered")
        for guard in guards(self._root):
            folder = Path(tempfile.mkdtemp(prefix=_SPARE, dir=self._root))
            try:
                return start(
                    folder, guard, self._limits, readable(), (str(self._data),), self._prepare, lambda: self._closed
                )
            except StudioError as e:
                error = e
                remove_folder(folder)
                if self._closed:
                    raise
        self._failed = error
        raise error

    def _plan_sweep(self) -> None:
        if self._sweeper is None and not self._closed:
            self._sweeper = threading.Timer(self._idle_seconds, self._sweep)
            self._sweeper.daemon = True
            self._sweeper.start()

    def _sweep(self) -> None:
        """End what nobody has used for long enough; look again while something is left."""
        with self._lock:
            due = time.monotonic() - self._idle_seconds
            idle = [folder for folder, (_, used) in self._processes.items() if used <= due]
            ended = [self._processes.pop(folder)[0] for folder in idle]
            self._sweeper = None
            if self._processes:
                self._plan_sweep()
        for process in ended:
            process.end()


def _end_unused(spare: Future[CodeProcess]) -> None:
    if not spare.cancelled() and spare.exception() is None:
        process = spare.result()
        process.end()
        remove_folder(process.folder)
