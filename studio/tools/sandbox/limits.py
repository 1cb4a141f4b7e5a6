"""What code may use, and a look at what it has written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from studio.errors import StudioError


@dataclass(frozen=True)
class Limits:
    """Of one process, and of one run: seconds by the clock. Sizes in bytes; `folder` is that of the conversation."""

    seconds: float = 60.0
    cpu_seconds: int = 600  # of a core, for the process's whole life
    memory: int = 2 << 30  # of address space, with the libraries
    file_size: int = 64 << 20
    folder: int = 512 << 20
    files: int = 2_000
    open_files: int = 64
    threads: int = 256
    depth: int = 20  # of folders in folders
    reply: int = 64 << 20
    disk_left: int = 1 << 30  # free space of the disk below which nothing may be written


LIMITS = Limits()


def too_much_written(folder: Path, limits: Limits) -> StudioError | None:
    """What the code has written too much of."""
    count = size = 0
    for depth, file in _files(folder):
        count, size = count + 1, size + file.st_blocks * 512
        if size > limits.folder or count > limits.files or depth > limits.depth:
            return StudioError("code_wrote_too_much", limit=limits.folder >> 20, files=limits.files, depth=limits.depth)
    with suppress(OSError):
        if shutil.disk_usage(folder).free < limits.disk_left:
            return StudioError("code_disk_full")
    return None


def _files(folder: Path) -> Iterator[tuple[int, os.stat_result]]:
    """Everything below a folder with its depth, folders too; links are not followed, and what goes away meanwhile is
    passed over."""
    waiting = [(1, str(folder))]
    while waiting:
        depth, path = waiting.pop()
        with suppress(OSError), os.scandir(path) as entries:
            for entry in entries:
                with suppress(OSError):
                    yield depth, entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((depth + 1, entry.path))
