"""Stored pictures, read and made fit for a page or a sheet. A picture that cannot be read is None, never an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageOps

from studio.errors import StudioError

ReadPicture = Callable[[str], bytes]

PAGE_SIDE = 1600  # pixels, the longest side inside an HTML page
PAGE_BYTES = 400_000  # a picture file larger than this is compressed again
SHEET_SIDE = 1200  # pixels, the longest side inside a spreadsheet, where it is shown at about 330

_FORMATS = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp"}  # MPO: a phone's JPEG with a second picture
_MIME = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
_UNREADABLE = (StudioError, OSError, KeyError)
# What Pillow raises for broken files: SyntaxError for PNG chunks, ValueError and EOFError for headers.
_UNDECODABLE = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)


@dataclass(frozen=True)
class Loaded:
    """A picture's file and what it is."""

    data: bytes
    suffix: str  # "jpg", "png", "webp"
    width: int
    height: int

    @property
    def mime(self) -> str:
        """For a data: URI."""
        return _MIME[self.suffix]


def load(key: str, read_picture: ReadPicture) -> Loaded | None:
    """The stored file as it is. None when it is gone or is no JPEG, PNG or WebP."""
    try:
        data = read_picture(key)
    except _UNREADABLE:
        return None
    return _look(data)


def for_page(picture: Loaded) -> Loaded | None:
    """For an HTML page: small files as they are, large ones as WebP. None when the pixels cannot be decoded."""
    image = _decode(picture)
    if image is None:
        return None
    if max(image.size) <= PAGE_SIDE and len(picture.data) <= PAGE_BYTES:
        return picture
    image.thumbnail((PAGE_SIDE, PAGE_SIDE), Image.Resampling.LANCZOS)
    smaller = _encode(image, "WEBP", quality=82, method=4)
    return (
        smaller if len(smaller.data) < len(picture.data) or max(picture.width, picture.height) > PAGE_SIDE else picture
    )


def for_everywhere(picture: Loaded) -> Loaded:
    """For a file that any program opens: WebP becomes PNG without loss, where it can be decoded; others stay."""
    image = _decode(picture) if picture.suffix == "webp" else None
    return _encode(image, "PNG", optimize=True) if image else picture


def for_sheet(picture: Loaded, side: int = SHEET_SIDE) -> Loaded | None:
    """For an office file: upright PNG or JPEG without metadata. None when the pixels cannot be decoded."""
    image = _decode(picture, 2 * side)
    if image is None:
        return None
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    if image.mode == "RGBA" or picture.suffix == "png":
        return _encode(image, "PNG", optimize=True)
    return _encode(image, "JPEG", quality=90)


def _look(data: bytes) -> Loaded | None:
    try:
        with Image.open(BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as image:
            return Loaded(data, _FORMATS[image.format or ""], *image.size)
    except (*_UNDECODABLE, KeyError):
        return None


def _decode(picture: Loaded, enough: int = 0) -> Image.Image | None:
    """The pixels, upright, as RGB or RGBA. A JPEG is unfolded no further than to `enough` pixels, where that is given:
    a table has ten thousand of them."""
    try:
        with Image.open(BytesIO(picture.data)) as image:
            if enough:
                image.draft(None, (enough, enough))
            image.load()
            upright = ImageOps.exif_transpose(image)
    except _UNDECODABLE:
        return None
    transparent = upright.has_transparency_data
    pixels = upright.convert("RGBA" if transparent else "RGB")
    if transparent and pixels.getchannel("A").getextrema() == (255, 255):
        pixels = pixels.convert("RGB")
    pixels.info.clear()  # else profiles and comments are written again
    return pixels


def _encode(image: Image.Image, format: str, **options: int | bool) -> Loaded:
    out = BytesIO()
    image.save(out, format, **options)
    return Loaded(out.getvalue(), _FORMATS[format], *image.size)
