"""When a worker that still exists counts as dead. Pure: beats and ticks in, a verdict out; no threads, no clock.

Two things are watched, because neither alone can tell a hang from hard work:

- *Heartbeats*, sent by a thread of the worker every `beat` seconds, with a progress number for each loop at work. They
  stop when the process is stopped or no longer gets the interpreter's lock. But C code may keep that lock while it
  works (llama.cpp does for as long as it loads a model), and the thread beats on when only the main loop is stuck.
- *Effort*, which the kernel accounts to the process: CPU time and bytes from disk. A process that loads, compiles or
  reads a long prompt has it; one that is stopped or in a deadlock has not. One in an endless loop has it too.

So a worker hangs when, for longer than

- `silence`: there is neither progress nor effort: stopped (SIGSTOP), in a deadlock, waiting for a device that is gone;
- `deaf`, once it is ready: no beat comes, whatever the effort: C code that never gives the interpreter's lock back;
- `longest_step` (`longest_load` before it is ready): no progress comes, whatever the effort: an endless loop.

Not covered: a loop that reports progress and never ends, and wrong results.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil

from studio.worker.timing import Timing


@dataclass(frozen=True)
class Effort:
    """What the kernel accounts to a process and its children since they began: seconds of CPU, bytes of disk."""

    cpu: float = 0.0
    disk: int = 0

    def exceeds(self, earlier: Effort, seconds: float) -> bool:
        """Whether a process that was at `earlier` has worked in the `seconds` since. A heartbeat alone costs under 1 %
        of a core."""
        return self.cpu - earlier.cpu > 0.05 * seconds or self.disk - earlier.disk > 65536


def effort_of(pid: int) -> Effort:
    """The effort of a process by now; none when it is gone."""
    cpu, disk = 0.0, 0
    with suppress(psutil.Error):
        worker = psutil.Process(pid)
        for process in (worker, *worker.children(recursive=True)):  # a compiler is a process of its own
            with suppress(psutil.Error, AttributeError):  # macOS counts no disk
                times = process.cpu_times()
                cpu += times.user + times.system
                counters = process.io_counters()
                disk += counters.read_bytes + counters.write_bytes
    return Effort(cpu, disk)


class Watchdog:
    """See the module. Not safe for threads."""

    def __init__(self, timing: Timing) -> None:
        self.loading = True
        self._timing = timing
        self._silent = 0.0  # seconds since the last beat
        self._effortless = 0.0  # seconds since the last effort
        self._stuck: dict[str, float] = {}  # seconds since the progress of each loop at work
        self._progress: Mapping[str, int] = {}

    def beat(self, progress: Mapping[str, int]) -> None:
        """A heartbeat came."""
        self._silent = 0.0
        self._stuck = {
            name: self._stuck.get(name, 0.0) if self._progress.get(name) == number else 0.0
            for name, number in progress.items()
        }
        self._progress = progress

    @property
    def suspicious(self) -> bool:
        """Whether the effort matters by now; measuring it costs a millisecond."""
        return max(self._silent, *self._stuck.values(), 0.0) > 2 * self._timing.beat

    def tick(self, seconds: float, worked: bool) -> float | None:
        """So many seconds have passed, in which the process worked or did not. How long it has hung, or None.

        The page may have been stopped itself (Ctrl+Z) and finds a long time gone: a tick counts as three beats at most.
        """
        seconds = min(seconds, 3 * self._timing.beat)
        self._silent += seconds
        self._effortless = 0.0 if worked else self._effortless + seconds
        for name in self._stuck:
            self._stuck[name] += seconds
        still = max(self._silent, *self._stuck.values(), 0.0)
        longest = self._timing.longest_load if self.loading else self._timing.longest_step
        lifeless = min(still, self._effortless) > self._timing.silence
        deaf = not self.loading and self._silent > self._timing.deaf
        return still if lifeless or deaf or still > longest else None
