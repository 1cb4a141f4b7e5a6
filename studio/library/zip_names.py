"""The names in a zip as their writer meant them. Old programs say nothing of the encoding: it is told from all names
together, as one archive was written by one program.
"""

from __future__ import annotations

import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Sequence

_UTF8_FLAG = 0x800
_UNICODE_PATH = 0x7075  # Info-ZIP's extra field, which WinRAR writes, too


def read_names(entries: Sequence[zipfile.ZipInfo]) -> list[str]:
    """Each entry's name, in NFC: by its flag, its Unicode field, and for the others by the encoding that fits all."""
    known = [_stated_name(entry) for entry in entries]
    raw = [entry.orig_filename.encode("cp437", "replace") for entry in entries]
    encoding = guess_encoding([data for data, name in zip(raw, known, strict=True) if name is None])
    names = [data.decode(encoding, "replace") if name is None else name for data, name in zip(raw, known, strict=True)]
    return [unicodedata.normalize("NFC", name) for name in names]


def guess_encoding(names: Sequence[bytes]) -> str:
    """The encoding in which all these names are likeliest: UTF-8 where they fit, else that of Chinese, Taiwanese or
    Japanese Windows, else that of old DOS."""
    together = b"\n".join(names)
    if _decodes(together, "utf-8"):
        return "utf-8"
    fitting = [encoding for encoding in _LIKELIHOOD if _decodes(together, encoding)]
    return max(fitting, key=lambda encoding: _score(together.decode(encoding), encoding))


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


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _score(text: str, encoding: str) -> float:
    """How common the signs beyond ASCII are, 0..1 on average."""
    signs = [sign.encode(encoding) for sign in text if ord(sign) > 127]
    return sum(map(_LIKELIHOOD[encoding], signs)) / max(1, len(signs))


def _in_gbk(sign: bytes) -> float:
    """GB 2312 comes first, in it the first level; the rest of GBK is rare."""
    if len(sign) < 2 or sign[1] < 0xA1 or not 0xA1 <= sign[0] <= 0xF7:
        return 0.2
    return 1.0 if 0xB0 <= sign[0] <= 0xD7 else 0.6


def _in_big5(sign: bytes) -> float:
    return 1.0 if 0xA4 <= sign[0] <= 0xC6 else 0.3


def _in_shift_jis(sign: bytes) -> float:
    """Kana and the first level of kanji; signs of half the width hardly occur in names."""
    if len(sign) < 2:
        return 0.1
    return 1.0 if sign[0] in (0x82, 0x83) or 0x88 <= sign[0] <= 0x97 else 0.3


def _in_cp437(sign: bytes) -> float:
    letter = sign.decode("cp437")
    return 0.9 if letter.isalpha() and letter < "\u0180" else 0.0


# In order of preference where two fit equally well.
_LIKELIHOOD: dict[str, Callable[[bytes], float]] = {
    "gbk": _in_gbk,
    "big5": _in_big5,
    "shift_jis": _in_shift_jis,
    "cp437": _in_cp437,
}
