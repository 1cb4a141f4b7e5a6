"""Stored pictures, read and made fit for a page or a sheet. A picture that cannot be read is None, never an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from studio.errors import StudioError
from studio.pictures.stored import decode_stored, read_header

ReadPicture = Callable[[str], bytes]

PAGE_SIDE = 1600  # pixels, the longest side inside an HTML page
PAGE_BYTES = 400_000  # a picture file larger than this is compressed again
SHEET_SIDE = 1200  # pixels, the longest side inside a spreadsheet, where it is shown at about 330

_SUFFIXES = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
_MIME = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
_UNREADABLE = (StudioError, OSError, KeyError)


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
    return _encode(image, "PNG") if image else picture


def for_sheet(picture: Loaded, side: int = SHEET_SIDE) -> Loaded | None:
    """For an office file: upright PNG or JPEG without metadata. None when the pixels cannot be decoded."""
    image = _decode(picture, 2 * side)
    if image is None:
        return None
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    if image.mode == "RGBA" or picture.suffix == "png":
        return _encode(image, "PNG")
    return _encode(image, "JPEG", quality=90)


def _look(data: bytes) -> Loaded | None:
    try:
        header = read_header(data)
    except StudioError:
        return None
    return Loaded(data, _SUFFIXES[header.format], header.width, header.height)


def _decode(picture: Loaded, enough: int = 0) -> Image.Image | None:
    """The pixels, upright, as RGB or RGBA. A JPEG is decoded no further than to `enough` pixels, where that is given:
    a table has ten thousand of them."""
    try:
        return decode_stored(picture.data, enough=enough)
    except StudioError:
        return None


def _encode(image: Image.Image, format: str, **options: int | bool) -> Loaded:
    out = BytesIO()
    image.save(out, format, **options)
    return Loaded(out.getvalue(), _SUFFIXES[format], *image.size)
