"""Files that were named from outside, opened without trusting the name: ordinary files only, of bounded size.

A name can lead to a pipe that nobody writes to, or to a device that never ends. Such a file is opened without waiting,
and what was opened, not what the name leads to a moment later, is looked at.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from studio.errors import InputError, NotFoundError

# Without waiting for a pipe's writer; a terminal does not become this program's. Windows needs to be told of binary.
_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"))


def open_regular(path: Path, follow_symlinks: bool = True) -> BinaryIO:
    """An ordinary file, opened for reading. Close it.

    Raises NotFoundError, and InputError for a folder, pipe, device or socket, for a symbolic link where they are not
    followed, and for what the system refuses.
    """
    try:
        handle = os.open(path, _FLAGS | (0 if follow_symlinks else getattr(os, "O_NOFOLLOW", 0)))
    except FileNotFoundError as e:
        raise NotFoundError("file_missing", path=path) from e
    except OSError as e:
        # ENXIO: a socket; ELOOP: a link that is not followed, or that leads to itself
        raise InputError("file_unreadable", name=path.name, cause=e.strerror or str(e)) from e
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InputError("file_not_regular", name=path.name)
    return os.fdopen(handle, "rb")


def read_regular(path: Path, limit: int, follow_symlinks: bool = True) -> bytes:
    """The bytes of an ordinary file. Raises as `open_regular`, and InputError for one of more than `limit` bytes, also
    when it grows while it is read."""
    with open_regular(path, follow_symlinks) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            data = b"" if size > limit else file.read(limit + 1)
        except OSError as e:
            raise InputError("file_unreadable", name=path.name, cause=e.strerror or str(e)) from e
    if max(size, len(data)) > limit:
        raise InputError("file_too_large", name=path.name, size=max(size, len(data)) >> 20, limit=limit >> 20)
    return data
