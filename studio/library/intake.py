"""Taking a picture in: whatever a person brings becomes an upright RGB file of reasonable size, or a clear sentence.

Size is checked before pixels are decoded, so a decompression bomb costs nothing. Metadata stays behind (a phone writes
the place of home into it); only a caption found there is kept as a hint.
"""

from __future__ import annotations

import hashlib
import io
import struct
from dataclasses import dataclass

import pillow_heif
from PIL import ExifTags, Image, ImageFile, ImageOps, IptcImagePlugin, UnidentifiedImageError

from studio.errors import InputError

LONG_SIDE = 2048  # pixels; the models look at 490, a page shows 1440
MAX_PIXELS = 100_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF", "MPO")

pillow_heif.register_heif_opener()


@dataclass(frozen=True)
class TakenIn:
    """A picture ready to be stored. `key` is the sha256 of `data`; `caption` what its metadata said of it."""

    data: bytes
    key: str
    mime: str
    width: int
    height: int
    caption: str = ""


def take_in(data: bytes, name: str) -> TakenIn:
    """Decode, turn upright, shrink, re-encode. Raises InputError with the reason."""
    if not data:
        raise InputError("picture_empty", name=name)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise InputError("picture_too_large", name=name, pixels=opened.width * opened.height, limit=MAX_PIXELS)
            caption = _caption(opened)
            if opened.format in ("JPEG", "MPO"):
                opened.draft("RGB", (LONG_SIDE, LONG_SIDE))  # a huge photo is decoded at a smaller scale
            picture = _upright_rgb(opened)
    except UnidentifiedImageError as e:
        raise InputError("picture_unreadable", name=name, cause="unknown format") from e
    except Image.DecompressionBombError as e:
        raise InputError("picture_too_large", name=name, pixels=MAX_PIXELS * 2, limit=MAX_PIXELS) from e
    except (OSError, SyntaxError, ValueError, struct.error, EOFError, IndexError, RuntimeError) as e:
        if "truncated" in str(e) or "Truncated" in str(e) or "broken data" in str(e):
            raise InputError("picture_truncated", name=name) from e
        raise InputError("picture_unreadable", name=name, cause=str(e) or type(e).__name__) from e
    picture.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=92, optimize=True)
    out = encoded.getvalue()
    return TakenIn(out, hashlib.sha256(out).hexdigest(), "image/jpeg", picture.width, picture.height, caption)


def _upright_rgb(opened: ImageFile.ImageFile) -> Image.Image:
    """The first frame, turned as EXIF says, on white where it is transparent, 16 bits scaled down to 8."""
    opened.load()
    picture: Image.Image = ImageOps.exif_transpose(opened)
    if picture.mode.startswith(("I;16", "I")):
        high = max(255.0, float(picture.getextrema()[1]))  # type: ignore[arg-type]
        picture = picture.convert("F").point(lambda value: value * (255.0 / (65535.0 if high > 255 else 255.0)))
        return picture.convert("L").convert("RGB")
    if picture.has_transparency_data:
        seen = picture.convert("RGBA")
        white = Image.new("RGBA", seen.size, "white")
        return Image.alpha_composite(white, seen).convert("RGB")
    return picture.convert("RGB")


def _caption(picture: Image.Image) -> str:
    """From EXIF (ImageDescription, XPTitle), IPTC (caption) or a PNG's text."""
    exif = picture.getexif()
    found = [exif.get(ExifTags.Base.ImageDescription), picture.info.get("Description"), picture.info.get("Title")]
    if isinstance(title := exif.get(ExifTags.Base.XPTitle), bytes):
        found.append(title.decode("utf-16-le", "ignore"))
    if isinstance(picture, ImageFile.ImageFile):
        try:
            iptc = IptcImagePlugin.getiptcinfo(picture) or {}
        except (SyntaxError, ValueError, struct.error, IndexError):
            iptc = {}
        if isinstance(said := iptc.get((2, 120)), bytes):
            found.append(said.decode("utf-8", "replace"))
    words = (" ".join(text.strip("\0 ").split()) for text in found if isinstance(text, str))
    return next((text for text in words if len(text) > 2), "")[:500]
