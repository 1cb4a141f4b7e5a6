"""What this machine has, without importing torch: its CUDA devices and its memory."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

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
    """Bytes of the computer's own memory that programs can still take."""
    return int(psutil.virtual_memory().available)


def gib(size: int) -> str:
    """Bytes for people."""
    return f"{size / (1 << 30):.1f} GiB"
