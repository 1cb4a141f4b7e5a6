"""Any picture file → a clean one: upright, RGB, at most 2048 pixels long, without metadata.

Files come from strangers, so their size is checked before anything is unfolded, only formats named here are tried
(Pillow would start Ghostscript for an EPS), and whatever a decoder raises becomes one of four sentences.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from studio.errors import InputError, StudioError
from studio.library.metadata import Hints, read_hints

LONGEST = 2048  # pixels of the longer side that are kept
MOST_PIXELS = 100_000_000  # a 100-megapixel camera; unfolded that is 300 MB
QUALITY = 90
_FLAT = 4096  # colours: drawings and screenshots have fewer and stay lossless, photos have more
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF")
_STARTS = {  # what files are that are taken for pictures, by their first bytes
    rb"%PDF": "PDF",
    rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|!--|svg|!DOCTYPE svg)": "SVG/XML",
    rb"\s*<": "HTML",
    rb"PK\x03\x04": "ZIP",
    rb"%!PS": "PostScript",
    rb"8BPS": "Photoshop",
    rb"....ftyp(?:mp4|iso|qt|M4V)": "video",
}
_OURS = re.compile(rb"\xff\xd8\xff|\x89PNG|GIF8|BM|II\*\0|MM\0\*|RIFF....WEBP|....ftyp(?:hei|hev|mif|msf|avi)", re.S)


@dataclass(frozen=True)
class TakenIn:
    """A picture as it is kept: the new file's bytes, their sha256, and what the old file said of itself."""

    data: bytes = field(repr=False)
    key: str
    mime: str
    width: int
    height: int
    hints: Hints = Hints()


def take_in(data: bytes, name: str) -> TakenIn:
    """Clean a picture file; `name` stands in the error's sentence. Raises InputError.

    Animations give their first frame, transparent parts become white, colours become sRGB.
    """
    if not data:
        raise InputError("picture_empty", name=name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about odd metadata, and about sizes that are checked here
            image, lossy, hints = _open(data, name)
            return _encode(image, lossy, hints)
    except StudioError:
        raise
    except Exception as e:  # noqa: BLE001 - decoders raise anything at a crafted file
        raise _explain(e, data, name) from e


def _open(data: bytes, name: str) -> tuple[Image.Image, bool, Hints]:
    """The upright RGB picture, whether its format loses detail, and its hints."""
    with Image.open(io.BytesIO(data), formats=_known_formats()) as image:
        pixels = image.width * image.height
        if pixels > MOST_PIXELS:
            raise InputError("picture_too_large", name=name, pixels=pixels, limit=MOST_PIXELS)
        lossy = image.format in ("JPEG", "MPO", "HEIF", "AVIF", "WEBP")
        if image.mode in ("RGB", "L", "CMYK", "YCbCr"):
            image.thumbnail((LONGEST, LONGEST), reducing_gap=2.0)  # JPEGs are never unfolded at full size
        else:
            image.load()
        hints = read_hints(image)
        profile = image.info.get("icc_profile")
        upright = _upright(image)
        eight_bit = _to_eight_bits(upright)
        # Palettes cannot be scaled, so theirs and the rarer kinds are scaled only now.
        eight_bit.thumbnail((LONGEST, LONGEST), reducing_gap=2.0)
        return _to_rgb(eight_bit, profile), lossy, hints


@cache
def _known_formats() -> tuple[str, ...]:
    pillow_heif.register_heif_opener()
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF says; as it is when the EXIF is damaged."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - a picture is not refused for its metadata
        return image.copy()


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scientific and 16-bit kinds brought to 0..255 (Pillow would clip them); palettes to their colours."""
    if image.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.asarray(image, dtype=np.float32))
        top = 65535.0 if image.mode.startswith("I;16") else float(values.max(initial=0.0))
        if top > 255:
            values = values * (255 / max(top, 65535.0) if image.mode.startswith("I") else 255 / top)
        elif image.mode == "F" and 0 < top <= 1:
            values = values * 255
        return Image.fromarray(values.clip(0, 255).astype(np.uint8))
    if image.mode in ("P", "PA", "LA", "La", "RGBa") or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("L") if image.mode == "1" else image


def _to_rgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        image = _to_srgb(image, profile)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """In sRGB, which is what a picture without a profile is taken for; unchanged when the profile does not fit."""
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        done = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return done or image


def _encode(image: Image.Image, lossy: bool, hints: Hints) -> TakenIn:
    """JPEG for photos, PNG for what is flat and was lossless. A new image, so no metadata comes along."""
    clean = Image.new("RGB", image.size)
    clean.paste(image)
    out = io.BytesIO()
    if not lossy and clean.getcolors(_FLAT):
        clean.save(out, "PNG", optimize=True)
        mime = "image/png"
    else:
        # Full colour resolution where the source had it: coloured letters stay sharp.
        clean.save(out, "JPEG", quality=QUALITY, optimize=True, subsampling=2 if lossy else 0)
        mime = "image/jpeg"
    data = out.getvalue()
    return TakenIn(data, hashlib.sha256(data).hexdigest(), mime, *clean.size, hints)


def _explain(error: Exception, data: bytes, name: str) -> InputError:
    """The sentence for what a decoder raised."""
    if isinstance(error, Image.DecompressionBombError):
        found = re.search(r"\((\d+) pixels\)", str(error))
        return InputError("picture_too_large", name=name, pixels=int(found[1]) if found else 0, limit=MOST_PIXELS)
    if not _OURS.match(data):
        for start, kind in _STARTS.items():
            if re.match(start, data, re.S | re.I):
                return InputError("picture_unreadable", name=name, cause=kind)
        return InputError("picture_unknown", name=name)
    if data[:4] == b"RIFF" and int.from_bytes(data[4:8], "little") > len(data):  # WebP tells its own length
        return InputError("picture_truncated", name=name)
    if isinstance(error, EOFError) or re.search(r"(?i)truncat|end of file|too short|not enough", str(error)):
        return InputError("picture_truncated", name=name)
    if isinstance(error, UnidentifiedImageError):
        return InputError("picture_unreadable", name=name, cause="damaged header")
    return InputError("picture_unreadable", name=name, cause=str(error) or type(error).__name__)
