"""Any picture file → a clean one: upright, RGB, at most 2048 pixels long, without metadata.

This runs in a decoder process. Only formats named here are tried (Pillow would start Ghostscript for an EPS), what a
file will cost is checked before it is decoded, and whatever a decoder raises becomes a sentence.
"""

from __future__ import annotations

import codecs
import io
import math
import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import numpy.typing as npt
import pillow_heif
from PIL import ExifTags, Image, ImageCms, ImageFile, UnidentifiedImageError

from studio.encodings.guess import METADATA, UTF_16, guess_encoding
from studio.errors import InputError, StudioError
from studio.pictures.cost import (
    MAX_SIDE,
    REDUCING_GAP,
    reduction,
    require_affordable,
    require_affordable_webp,
    too_costly,
)
from studio.pictures.kinds import is_picture, other_kind
from studio.pictures.metadata import Hints, read_hints

QUALITY = 90
_FLAT = 4096  # colours: drawings and screenshots have fewer and stay lossless, photos have more
_BAND = 4_000_000  # pixels that are converted at a time
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF")
_LOSSY = ("JPEG", "MPO", "HEIF", "AVIF", "WEBP")
_ENCODINGS = "ascii latin-1 utf-8 utf-16 utf-16-le utf-16-be utf-32 iso2022_jp".split()  # of metadata, beside guesses
_PHOTOMETRIC = 262  # TIFF's tag; 0 says that the value 0 is white
_FOURTEEN_BITS = (1 << 14) - 1
_NARROW = 0.25  # a range of so much of its largest value is no photo
_MAX_FRAMES = 32  # of an animation or of a TIFF that are looked at
_TURNS = {  # EXIF orientation → what undoes it
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Normalised:
    """A clean picture file, and what the old file said of itself."""

    data: bytes = field(repr=False)
    mime: str
    width: int
    height: int
    hints: Hints


@cache
def known_formats() -> tuple[str, ...]:
    """Register the formats, and load everything that opening a picture may need: a decoder process that has begun to
    work can open no file, thus import nothing. Threads inside the libraries would only cost memory, as there are two
    processes."""
    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.register_heif_opener()
    Image.init()
    if "AVIF" in Image.OPEN:
        from PIL import AvifImagePlugin

        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    for encoding in _ENCODINGS:
        codecs.lookup(encoding)
    for candidates in (METADATA, UTF_16):
        guess_encoding(b"\xff", candidates)
    Image.MAX_IMAGE_PIXELS = None  # sizes are checked here
    warnings.simplefilter("ignore")  # Pillow warns about odd metadata
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def normalise(data: bytes) -> Normalised:
    """Clean a picture file. Raises InputError, without the file's name.

    Animations give their first frame that shows something, TIFFs their largest image; transparent parts become white,
    colours become sRGB.
    """
    try:
        image, lossy, hints = _open(data)
        return _encode(image, lossy, hints)
    except StudioError:
        raise
    except Exception as e:  # noqa: BLE001 - decoders raise anything at a crafted file
        raise _explain(e, data) from e


def _open(data: bytes) -> tuple[Image.Image, bool, Hints]:
    """The upright RGB picture, whether its format loses detail, and its hints."""
    formats = known_formats()
    require_affordable_webp(data)
    with Image.open(io.BytesIO(data), formats=formats) as image:
        if image.format == "TIFF":
            _seek_largest(image)
        require_affordable(image, len(data))
        _seek_visible(image)
        lossy = image.format in _LOSSY
        if image.mode in ("RGB", "L", "CMYK", "YCbCr"):
            image.thumbnail((MAX_SIDE, MAX_SIDE), reducing_gap=REDUCING_GAP)  # JPEGs are never decoded at full size
        else:
            image.load()
        hints = read_hints(image)
        profile, turn = image.info.get("icc_profile"), _turn(image)
        eight_bit = _to_eight_bits(image)
        # Palettes cannot be scaled, so theirs and the rarer kinds are scaled only now.
        eight_bit.thumbnail((MAX_SIDE, MAX_SIDE), reducing_gap=REDUCING_GAP)
        upright = eight_bit.transpose(turn) if turn is not None else eight_bit
        return _to_rgb(upright, profile), lossy, hints


def _seek_largest(image: ImageFile.ImageFile) -> None:
    """A TIFF may begin with a preview: go to the image that has the most pixels, the first of equal ones."""
    best, most = 0, image.width * image.height
    with suppress(Exception):  # the end, or damage that does not concern the images before it
        for frame in range(1, _MAX_FRAMES):
            image.seek(frame)
            if image.width * image.height > most:
                best, most = frame, image.width * image.height
    image.seek(best)


def _seek_visible(image: ImageFile.ImageFile) -> None:
    """Stickers may begin with an empty frame: go to the first that shows something; to the first when none does."""
    if not _is_empty(image):
        return
    with suppress(Exception):  # as above
        for frame in range(1, _MAX_FRAMES):
            image.seek(frame)
            if not _is_empty(image):
                return
    image.seek(0)


def _is_empty(image: Image.Image) -> bool:
    """Whether every pixel is transparent. Takes no copy of the picture."""
    if image.mode in ("RGBA", "LA"):
        image.load()
        return image.getextrema()[-1] == (0, 0)
    clear = image.info.get("transparency")
    if image.mode != "P" or not isinstance(clear, int):
        return False
    image.load()
    return image.getextrema() == (clear, clear)


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What makes the picture upright, as its EXIF says; nothing when the EXIF is damaged."""
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - a picture is not refused for its metadata
        return None


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scientific and 16-bit kinds brought to 0..255 (Pillow would clip them); palettes to their colours."""
    if image.mode.startswith(("I", "F")):
        return _in_bands(image, _scaling(image))
    if image.mode in ("P", "PA", "LA", "La", "RGBa") or "transparency" in image.info:
        return _in_bands(image, lambda band: band.convert("RGBA"))
    return _in_bands(image, lambda band: band.convert("L")) if image.mode == "1" else image


def _in_bands(image: Image.Image, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """The converted picture, reduced by a whole factor where it is large. It is done a band of rows at a time, so that
    it takes no more memory than the picture had."""
    factor = reduction(image.size)
    rows = max(1, _BAND // (image.width * factor)) * factor
    whole: Image.Image | None = None
    for top in range(0, image.height, rows):
        band = convert(image.crop((0, top, image.width, min(top + rows, image.height))))
        band = band.reduce(factor) if factor > 1 else band
        if whole is None:
            whole = Image.new(band.mode, (band.width, math.ceil(image.height / factor)))
        whole.paste(band, (0, top // factor))
    assert whole is not None  # a picture has at least one row
    return whole


def _scaling(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """How measured values of this picture become 0..255."""
    lowest, highest = _stretch(image.mode, *_extremes(image))
    factor = np.float32(255 / (highest - lowest))
    # Pillow inverts such TIFFs when they have eight bits, and only then.
    white_is_zero = image.format == "TIFF" and getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0

    def scale(band: Image.Image) -> Image.Image:
        values = ((_values(band) - np.float32(lowest)) * factor).clip(0, 255)
        return Image.fromarray((255 - values if white_is_zero else values).astype(np.uint8))

    return scale


def _stretch(mode: str, lowest: float, highest: float) -> tuple[float, float]:
    """The values that become black and white. Cameras and instruments put 10 to 14 bits into 16: those are stretched,
    and what has 16 bits keeps its brightness. Temperatures lie close together far from zero, or on both sides of it:
    the range that they have is stretched."""
    if highest > lowest and (lowest < 0 or highest > 255 and highest - lowest < highest * _NARROW):
        return lowest, highest
    if mode == "F" and 0 < highest <= 1:
        return 0.0, 1.0
    if highest <= 255:
        return 0.0, 255.0
    return 0.0, 65535.0 if mode != "F" and _FOURTEEN_BITS < highest <= 65535 else highest


def _extremes(image: Image.Image) -> tuple[float, float]:
    """The smallest and the largest finite value."""
    rows = max(1, _BAND // image.width)
    bands = (image.crop((0, top, image.width, min(top + rows, image.height))) for top in range(0, image.height, rows))
    found = [(float(values.min()), float(values.max())) for values in map(_values, bands)]
    return min(low for low, _ in found), max(high for _, high in found)


def _values(band: Image.Image) -> npt.NDArray[np.float32]:
    """Its values, of which those that are no finite number count as 0."""
    return np.nan_to_num(np.asarray(band, dtype=np.float32), posinf=0.0, neginf=0.0)


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


def _encode(image: Image.Image, lossy: bool, hints: Hints) -> Normalised:
    """JPEG for photos, PNG for what is flat and was lossless. A new image, so no metadata comes along."""
    clean = Image.new("RGB", image.size)
    clean.paste(image)
    out = io.BytesIO()
    if not lossy and clean.getcolors(_FLAT):
        clean.save(out, "PNG", compress_level=6)  # 9 takes up to 10 s for a picture in greys, and saves a tenth
        mime = "image/png"
    else:
        # Full colour resolution where the source had it: coloured letters stay sharp.
        clean.save(out, "JPEG", quality=QUALITY, optimize=True, subsampling=2 if lossy else 0)
        mime = "image/jpeg"
    return Normalised(out.getvalue(), mime, *clean.size, hints)


def _explain(error: Exception, data: bytes) -> InputError:
    """The sentence for what a decoder raised."""
    said = str(error)
    if isinstance(error, MemoryError) or re.search(r"(?i)out of memory|memory alloc|bad_alloc|cannot alloc", said):
        return too_costly()
    if not is_picture(data):
        kind = other_kind(data)
        return InputError("picture_unreadable", cause=kind) if kind else InputError("picture_unknown")
    if data[:4] == b"RIFF" and int.from_bytes(data[4:8], "little") > len(data):  # WebP tells its own length
        return InputError("picture_truncated")
    if isinstance(error, EOFError) or re.search(r"(?i)truncat|end of file|too short|not enough", said):
        return InputError("picture_truncated")
    if isinstance(error, UnidentifiedImageError):
        return InputError("picture_unreadable", cause="damaged header")
    return InputError("picture_unreadable", cause=said[:200] or type(error).__name__)
