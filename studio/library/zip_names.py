"""The names in a zip as their writer meant them. Old programs say nothing of the encoding: it is told from all names
together, as one archive was written by one program.
"""

from __future__ import annotations

import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence

from studio.encodings.guess import ZIP_NAMES, guess_encoding

_UTF8_FLAG = 0x800
_UNICODE_PATH = 0x7075  # Info-ZIP's extra field, which WinRAR writes, too


def read_names(entries: Sequence[zipfile.ZipInfo]) -> list[str]:
    """Each entry's name, in NFC: by its flag, its Unicode field, and for the others by the encoding that fits all."""
    known = [_stated_name(entry) for entry in entries]
    raw = [entry.orig_filename.encode("cp437", "replace") for entry in entries]
    unknown = b"\n".join(data for data, name in zip(raw, known, strict=True) if name is None)
    encoding = guess_encoding(unknown, ZIP_NAMES)
    names = [data.decode(encoding, "replace") if name is None else name for data, name in zip(raw, known, strict=True)]
    return [unicodedata.normalize("NFC", name) for name in names]


def _stated_name(entry: zipfile.ZipInfo) -> str | None:
    if entry.flag_bits & _UTF8_FLAG:
        return entry.filename
    extra = entry.extra
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_PATH and len(field) > 5 and field[0] == 1:
            (checksum,) = struct.unpack_from("<I", field, 1)
            if checksum == zlib.crc32(entry.orig_filename.encode("cp437", "replace")):  # else the entry was renamed
                return field[5:].decode("utf-8", "replace")
    return None
