"""What this machine has, without importing torch: its CUDA devices, its memory, its cores."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Gpu:
    """A CUDA device as nvidia-smi names it; memory in bytes."""

    name: str
    total: int
    free: int


def gpus() -> list[Gpu]:
    """The CUDA devices of this machine, without importing torch. Empty where there is no driver."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return []
    query = [tool, "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
    except (subprocess.SubprocessError, OSError):
        return []
    rows = [line.rsplit(",", 2) for line in answer.splitlines() if line.count(",") >= 2]
    return [
        Gpu(name.strip(), int(total) << 20, int(free) << 20)
        for name, total, free in rows
        if total.strip().isdigit() and free.strip().isdigit()  # some virtual cards answer "[N/A]"
    ]


def host_free() -> int:
    """Bytes of the computer's own memory that programs can still take; of a container's share, where it has one."""
    available = int(psutil.virtual_memory().available)
    limit, used = _number("memory.max"), _number("memory.current")
    return available if limit is None else max(0, min(available, int(limit - (used or 0) + _reclaimable())))


def threads() -> int:
    """Threads that this process can run at once: hardware threads it may use, or a container's share of them."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _number("cpu.max")
    return max(1, min(allowed, math.ceil(quota)) if quota else allowed)


def cores() -> int:
    """As `threads`, two hardware threads of one core counted once: they share what decoding is bound by."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    places = {_siblings(number) for number in allowed}
    return min(threads(), len(places)) if places else min(threads(), psutil.cpu_count(logical=False) or threads())


class IdleShare:
    """How much of the cores that this process may use others leave to it: measured from here on to `value`."""

    def __init__(self, own: Sequence[psutil.Process]) -> None:
        """`own`: processes whose work does not count as that of others."""
        self._own = own
        self._before = self._now()

    @property
    def value(self) -> float:
        """From 0 to 1; 1 where nothing can be said. What runs with a low priority gives way, and counts as idle."""
        ticks, seconds, own = (now - before for now, before in zip(self._now(), self._before, strict=True))
        return max(0.0, min(1.0, (ticks + own) / seconds)) if seconds > 0.05 else 1.0

    def _now(self) -> tuple[float, float, float]:
        """Seconds of all cores: left over, in all, and used by the own processes."""
        allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
        cores = [
            times for number, times in enumerate(psutil.cpu_times(percpu=True)) if not allowed or number in allowed
        ]
        idle = sum(c.idle + getattr(c, "iowait", 0.0) + getattr(c, "nice", 0.0) for c in cores)
        own = 0.0
        for process in self._own:
            with suppress(psutil.Error):
                used = process.cpu_times()
                own += used.user + used.system
        everything = sum(sum(c) - getattr(c, "guest", 0.0) - getattr(c, "guest_nice", 0.0) for c in cores)
        return idle, everything, own


def _siblings(number: int) -> str:
    """The hardware threads of the core that this one belongs to; its own number where the system does not say."""
    try:
        return Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list").read_text().strip()
    except OSError:
        return str(number)


def _number(name: str) -> float | None:
    """A limit of the cgroup that this process is in (v2), None for none; of `cpu.max` the share in cores."""
    try:
        first, *rest = (Path("/sys/fs/cgroup") / name).read_text().split()
        return None if first == "max" else int(first) / (int(rest[0]) if rest else 1)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _reclaimable() -> int:
    """Bytes of files' pages that count as used in a cgroup and are given back when they are needed."""
    try:
        lines = (Path("/sys/fs/cgroup") / "memory.stat").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith(("inactive_file ", "active_file ")))
    except (OSError, ValueError, IndexError):
        return 0


def gib(size: int) -> str:
    """Bytes for people."""
    return f"{size / (1 << 30):.1f} GiB"
