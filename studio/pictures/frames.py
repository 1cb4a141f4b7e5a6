"""What goes through the pipes of a decoder process: frames of a small JSON header and raw bytes.

A frame is two lengths (4 and 8 bytes, big-endian), the header in UTF-8, and the data. Nothing is unpickled, so that a
process that a crafted picture has taken over can hand back wrong pixels, and no code.
"""

from __future__ import annotations

import json
import struct
from typing import IO, Any

Header = dict[str, Any]

_LENGTHS = struct.Struct(">IQ")
_MAX_HEADER_BYTES = 1 << 16


def write_frame(pipe: IO[bytes], header: Header, data: bytes = b"") -> None:
    """Send one frame. Raises OSError when nobody reads any more."""
    text = json.dumps(header).encode()
    pipe.write(_LENGTHS.pack(len(text), len(data)) + text)
    pipe.write(data)
    pipe.flush()


def read_frame(pipe: IO[bytes], limit: int) -> tuple[Header, bytes]:
    """Receive one frame of at most `limit` bytes of data. Raises EOFError at the pipe's end, ValueError for what is no
    frame."""
    text_length, data_length = _LENGTHS.unpack(_read_exactly(pipe, _LENGTHS.size))
    if text_length > _MAX_HEADER_BYTES or data_length > limit:
        raise ValueError(f"a frame of {text_length:,} + {data_length:,} bytes")
    header = json.loads(_read_exactly(pipe, text_length))
    if not isinstance(header, dict):
        raise ValueError("a frame's header is no object")
    return header, _read_exactly(pipe, data_length)


def _read_exactly(pipe: IO[bytes], length: int) -> bytes:
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError(f"{len(data):,} of {length:,} bytes")
    return data
