"""Files that are there whole or not at all, also after a crash, a full disk or a power cut."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

TEMPORARY = ".new-"  # how the name of a file begins while it is written


def write_atomically(target: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file whole or not at all. One with these bytes stays; a new one gets `mode`. Raises OSError, and leaves
    what was there."""
    if target.is_file() and target.stat().st_size == len(data) and target.read_bytes() == data:
        return
    made = next(folder for folder in target.parents if folder.is_dir())
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=TEMPORARY)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    for folder in target.parents:  # the new names themselves must reach the disk, too
        _sync_folder(folder)
        if folder == made:
            return


def write_output(target: Path, data: bytes) -> None:
    """Write a file that a person named, as `write_atomically`: with the rights that a new file gets, or those that the
    old one has. A link is followed; a pipe or device is written to. Raises OSError."""
    target = target.resolve()
    if target.exists() and not target.is_file():
        target.write_bytes(data)
        return
    write_atomically(target, data, target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())


def _umask() -> int:
    """The rights that new files do not get. It can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync_folder(path: Path) -> None:
    if os.name != "posix":  # Windows has no such call
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
