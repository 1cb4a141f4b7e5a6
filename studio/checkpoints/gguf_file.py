"""What a GGUF file says about itself: whether it is one, whether it is whole, and for what it is made.

Only the header is read: the number and types of the tensors, from which the size of the whole follows. Source of the
format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from studio.errors import ModelError

Kind = Literal["model", "mmproj"]
_VERSIONS = (2, 3)
_PROJECTOR = "clip"  # the architecture of what lets a model see
_MAX_LENGTH = 1 << 20  # tensors, or entries, beyond which a header is nonsense
_STRING, _ARRAY = 8, 9
_SCALARS = dict(enumerate("BbHhIif?", 0)) | {10: "Q", 11: "q", 12: "d"}  # type number → as `struct` names it

# Type of a tensor → (numbers in a block, bytes of a block), from ggml.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip


@dataclass(frozen=True)
class GgufHeader:
    """The architecture that a file names, and the bytes that it must have at least."""

    architecture: str
    size: int


def check(path: Path, kind: Kind) -> GgufHeader:
    """Raises ModelError when the file is missing, is no GGUF, is cut off, or is made for something else."""
    flag = "--gguf" if kind == "model" else "--mmproj"
    try:
        found = path.stat().st_size
        header = read(path)
    except FileNotFoundError as e:
        raise ModelError("model_file_missing", path=path, advice=f"Check the path given with {flag}.") from e
    except OSError as e:
        raise ModelError("model_broken", path=path, cause=e.strerror or type(e).__name__) from e
    if found < header.size:
        raise ModelError("file_cut_off", path=path, expected=header.size, found=found)
    if (header.architecture == _PROJECTOR) != (kind == "mmproj"):
        raise ModelError("gguf_other_kind", path=path, found=header.architecture or "?", flag=flag)
    return header


def read(path: Path) -> GgufHeader:
    """Raises ModelError when it is no GGUF or ends within the header, OSError when it cannot be read."""
    with path.open("rb") as file:
        head = file.read(8)
        if head[:4] != b"GGUF":
            raise ModelError("model_broken", path=path, cause="it is not a GGUF file")
        if len(head) < 8 or (number := struct.unpack("<I", head[4:])[0]) not in _VERSIONS:
            cause = f"GGUF version {number} is not known" if len(head) == 8 else "the file ends after four bytes"
            raise ModelError("model_broken", path=path, cause=cause)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _Reader(data).header()
            except (struct.error, IndexError) as e:  # read beyond the end
                raise ModelError("file_cut_off", path=path, expected=len(data) + 1, found=len(data)) from e
            except (ValueError, KeyError, RecursionError) as e:
                raise ModelError("model_broken", path=path, cause="its header makes no sense") from e


class _Reader:
    """A place in the bytes of a file that moves on."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 8

    def header(self) -> GgufHeader:
        tensors, entries = self._count(), self._count()
        facts = {}
        for _ in range(entries):
            name = self._text()
            facts[name] = self._value(self._number("I"))
        ends = [self._tensor() for _ in range(tensors)]
        alignment = int(facts.get("general.alignment") or 32)
        start = math.ceil(self._at / alignment) * alignment if alignment > 0 else self._at
        return GgufHeader(str(facts.get("general.architecture") or ""), start + max(ends, default=0))

    def _tensor(self) -> int:
        """Where its numbers end, counted from where those of all tensors begin."""
        self._text()
        shape = [int(self._number("Q")) for _ in range(min(self._number("I"), 64))]
        per_block, size = _BLOCKS.get(self._number("I"), (1, 0))  # of a type that is not known only where it begins
        begin = int(self._number("Q"))
        return begin + math.prod(shape) // per_block * size

    def _value(self, kind: int) -> Any:
        """A scalar, a text, or None for an array, which is passed over."""
        if kind == _STRING:
            return self._text()
        if kind != _ARRAY:
            return self._number(_SCALARS[kind])
        of, length = self._number("I"), self._number("Q")
        if of in _SCALARS:
            self._skip(length * struct.calcsize("<" + _SCALARS[of]))
        else:
            for _ in range(length):
                self._value(of)
        return None

    def _text(self) -> str:
        length = self._number("Q")
        start = self._at
        self._skip(length)
        return self._data[start : self._at].decode("utf-8", "replace") if length < 1000 else ""

    def _count(self) -> int:
        count = int(self._number("Q"))
        if count > _MAX_LENGTH:
            raise ValueError(count)
        return count

    def _number(self, kind: str) -> Any:
        (number,) = struct.unpack_from("<" + kind, self._data, self._at)
        self._at += struct.calcsize("<" + kind)
        return number

    def _skip(self, length: int) -> None:
        if self._at + length > len(self._data):
            raise IndexError(length)
        self._at += length
