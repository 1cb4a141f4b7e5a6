"""The words in EXIF and IPTC, which are older than Unicode: who wrote them often did not say in which encoding.

All texts of one kind in a file were written by one program, so their encoding is guessed from all together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, Image, ImageFile, IptcImagePlugin

from studio.encodings.guess import METADATA, guess_encoding
from studio.encodings.text import decode_words

_MAX_BYTES = 64 << 10  # of one text
_UTF8 = b"\x1b%G"  # in IPTC's CodedCharacterSet: what follows is UTF-8
_CHARACTER_SET, _TITLE, _KEYWORDS, _AUTHORS = (1, 90), (2, 5), (2, 25), (2, 80)
_HEADLINE, _COPYRIGHT, _CAPTION = (2, 105), (2, 116), (2, 120)
# Windows' own tags, in UTF-16
_XP_TITLE, _XP_COMMENT, _XP_AUTHOR, _XP_KEYWORDS, _XP_SUBJECT = 0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F


@dataclass(frozen=True)
class IptcWords:
    """What the IPTC record says."""

    caption: str = ""
    title: str = ""
    keywords: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    copyright: str = ""


@dataclass(frozen=True)
class ExifWords:
    """What EXIF says; `captions` are candidates, the most deliberate first."""

    captions: tuple[str, ...] = ()
    title: str = ""
    keywords: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    copyright: str = ""


def read_iptc(image: ImageFile.ImageFile) -> IptcWords:
    """The words of an opened picture's IPTC record."""
    record: Mapping[Any, Any] = IptcImagePlugin.getiptcinfo(image) or {}
    wanted = (_CAPTION, _HEADLINE, _TITLE, _KEYWORDS, _AUTHORS, _COPYRIGHT)
    raw = {key: _byte_strings(record.get(key)) for key in wanted}
    together = b"\n".join(text for texts in raw.values() for text in texts)
    stated = any(_UTF8 in text for text in _byte_strings(record.get(_CHARACTER_SET)))
    encoding = "utf-8" if stated and _decodes(together, "utf-8") else guess_encoding(together, METADATA)
    words = {key: tuple(text.decode(encoding, "replace") for text in texts) for key, texts in raw.items()}
    caption = next(iter(words[_CAPTION] or words[_HEADLINE]), "")
    return IptcWords(
        caption, next(iter(words[_TITLE]), ""), words[_KEYWORDS], words[_AUTHORS], next(iter(words[_COPYRIGHT]), "")
    )


def read_exif(exif: Image.Exif) -> ExifWords:
    """The words in EXIF."""
    tags = ExifTags.Base
    raw = [_latin(exif.get(tag)) for tag in (tags.ImageDescription, tags.Artist, tags.Copyright)]
    encoding = guess_encoding(b"\n".join(raw), METADATA)
    description, artist, rights = (text.decode(encoding, "replace") for text in raw)
    comment = _user_comment(exif.get_ifd(ExifTags.IFD.Exif).get(tags.UserComment))
    xp = {tag: _utf_16(exif.get(tag)) for tag in (_XP_TITLE, _XP_COMMENT, _XP_AUTHOR, _XP_KEYWORDS, _XP_SUBJECT)}
    return ExifWords(
        (description, comment, xp[_XP_COMMENT], xp[_XP_TITLE], xp[_XP_SUBJECT]),
        xp[_XP_TITLE],
        tuple(re.split(r"[;；]", xp[_XP_KEYWORDS])),
        tuple(re.split(r"[;；]", artist or xp[_XP_AUTHOR])),
        rights.replace("\0", " "),  # of the photographer, then of the editor
    )


def read_date(exif: Image.Exif) -> str:
    """The day the picture was taken as YYYY-MM-DD, or an empty string."""
    taken = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
    found = re.match(r"(\d{4}):(\d\d):(\d\d)", str(taken or exif.get(ExifTags.Base.DateTime, "")))
    return "-".join(found.groups()) if found and found[1] != "0000" else ""


def _user_comment(value: Any) -> str:
    """EXIF 2.32, 4.6.5: eight bytes name the character set, which programs take more or less seriously."""
    if isinstance(value, str):
        value = value.encode("latin-1", "replace")
    if not isinstance(value, bytes) or len(value) <= 8:
        return ""
    kind, text = value[:8].rstrip(b"\0 ").upper(), value[8 : 8 + _MAX_BYTES]
    if kind == b"UNICODE":
        return _utf_16_either(text)
    text = text.rstrip(b"\0 ")
    if kind == b"JIS" and b"\x1b$" in text:
        return text.decode("iso2022_jp", "replace")
    if kind in (b"ASCII", b"JIS", b""):
        return decode_words(text)
    return decode_words(value[: 8 + _MAX_BYTES].rstrip(b"\0 "))  # no prefix at all


def _utf_16_either(text: bytes) -> str:
    """UTF-16, whose order of bytes programs choose as they like; or UTF-8, as some write it."""
    if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return text.decode("utf-16", "replace").rstrip("\0 ")
    if b"\0" not in text and (text.isascii() or _decodes(text, "utf-8") and len(text) % 2):
        return text.decode("utf-8")
    while text[-2:] == b"\0\0":
        text = text[:-2]
    return text.decode(guess_encoding(text + b"\0\0"), "replace").rstrip("\0 ")


def _utf_16(value: Any) -> str:
    if isinstance(value, tuple | list):
        value = bytes(value)
    text = value[:_MAX_BYTES].decode("utf-16-le", "ignore") if isinstance(value, bytes) else str(value or "")
    return text.rstrip("\0")


def _latin(value: Any) -> bytes:
    """The bytes that Pillow read as Latin-1."""
    if isinstance(value, tuple):
        value = value[0] if value else ""
    data = value if isinstance(value, bytes) else str(value or "").encode("latin-1", "replace")
    return data[:_MAX_BYTES].rstrip(b"\0 ")


def _byte_strings(value: Any) -> Sequence[bytes]:
    values: Iterable[Any] = value if isinstance(value, list) else () if value is None else (value,)
    return [bytes(one)[:_MAX_BYTES].rstrip(b"\0 ") for one in values if isinstance(one, bytes)][:100]


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
