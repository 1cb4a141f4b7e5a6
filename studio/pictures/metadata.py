"""What a picture file says about itself: a caption and a date, from EXIF, IPTC or PNG text.

These stay; everything else in the metadata, above all where the picture was taken, is not carried on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import ExifTags, Image, ImageFile, IptcImagePlugin

_MAX_LENGTH = 500  # characters of a caption
_XP_TITLE, _XP_COMMENT, _XP_SUBJECT = 0x9C9B, 0x9C9C, 0x9C9F  # Windows' own tags, in UTF-16
_CAPTION_ABSTRACT = (2, 120)  # IPTC
# What cameras and programs write by themselves says nothing about the picture.
_EMPTY_WORDS = re.compile(
    r"(?i)(olympus|samsung|sony|nikon|kodak|minolta|default|digital ?camera|dcim|screenshot|created with|edited with"
    r"|untitled|image description|exif|dav|sdr|hdr|mde|rhdr|\W|\d)*"
)


@dataclass(frozen=True)
class Hints:
    """A caption, or empty; and the day it was taken as YYYY-MM-DD, or empty."""

    caption: str = ""
    date: str = ""


def read_hints(image: ImageFile.ImageFile) -> Hints:
    """The hints in an opened picture. Damaged metadata counts as none."""
    try:
        caption = next(filter(None, map(_tidy, _captions(image))), "")
        return Hints(caption, _date(image.getexif()))
    except Exception:  # noqa: BLE001 - Pillow's metadata readers raise anything; a picture is not refused for that
        return Hints()


def _captions(image: ImageFile.ImageFile) -> Iterator[str]:
    """Candidates, the most deliberate first."""
    iptc = IptcImagePlugin.getiptcinfo(image) or {}
    value = iptc.get(_CAPTION_ABSTRACT, b"")
    yield _decode(value[0] if isinstance(value, list) else value)
    exif = image.getexif()
    yield _decode(str(exif.get(ExifTags.Base.ImageDescription, "")).encode("latin-1", "replace"))
    for tag in (_XP_TITLE, _XP_SUBJECT, _XP_COMMENT):
        value = exif.get(tag, b"")
        yield bytes(value).decode("utf-16-le", "ignore") if isinstance(value, bytes | tuple) else str(value)
    text = getattr(image, "text", {})  # PNG
    for name in ("Description", "Title"):
        yield str(text.get(name, ""))


def _decode(data: bytes) -> str:
    """Metadata names no encoding that can be trusted: UTF-8 where it fits, else Latin-1, which always does."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _tidy(text: str) -> str:
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_MAX_LENGTH]
    return "" if _EMPTY_WORDS.fullmatch(words) else words


def _date(exif: Image.Exif) -> str:
    taken = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
    found = re.match(r"(\d{4}):(\d\d):(\d\d)", str(taken or exif.get(ExifTags.Base.DateTime, "")))
    return "-".join(found.groups()) if found and found[1] != "0000" else ""
