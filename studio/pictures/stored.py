"""Pictures that this program wrote itself, opened where they are needed: the store's files and the starter set.

They were made by a decoder process, so they are JPEG, PNG or WebP of bounded size. Files on a disk can change, so that
is checked before anything is decoded. Pictures from outside do not come here, see `studio.library.picture_intake`.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

from PIL import ExifTags, Image, ImageFile, ImageOps

from studio.errors import InputError
from studio.pictures.cost import MAX_SIDE

MAX_STORED_PIXELS = 4 * MAX_SIDE**2  # 64 MB as RGBA; what is written today has a quarter of it at most
_FORMATS = ("JPEG", "PNG", "WEBP")
# What Pillow raises for broken files: SyntaxError for PNG chunks, ValueError and EOFError for headers.
_DAMAGED = (OSError, ValueError, SyntaxError, EOFError, IndexError, Image.DecompressionBombError)


@dataclass(frozen=True)
class StoredFormat:
    """What a stored file's header says. `format` is JPEG, PNG or WEBP."""

    format: str
    width: int
    height: int


def read_header(data: bytes, name: str = "picture") -> StoredFormat:
    """Raises InputError, with `name` in the sentence, for what is no stored picture."""
    try:
        with _open(data, name) as image:
            return StoredFormat("JPEG" if image.format == "MPO" else str(image.format), *image.size)
    except _DAMAGED as e:
        raise _unreadable(e, name) from e


def upright_size(data: bytes, name: str = "picture") -> tuple[int, int]:
    """Width and height of what `decode_stored` gives, mostly without decoding. Raises InputError as it does."""
    try:
        with _open(data, name) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
            return image.size[::-1] if turned else image.size
    except _DAMAGED as e:
        raise _unreadable(e, name) from e


def decode_stored(data: bytes, name: str = "picture", enough: int = 0) -> Image.Image:
    """The pixels, upright, as RGB, or as RGBA where some are transparent; without metadata.

    With `enough`, a JPEG whose sides are more than twice that long comes smaller, and much faster. Raises InputError.
    """
    try:
        with _open(data, name) as image:
            if enough:
                image.draft(None, (enough, enough))
            image.load()
            upright = ImageOps.exif_transpose(image)
    except _DAMAGED as e:
        raise _unreadable(e, name) from e
    transparent = upright.has_transparency_data
    pixels = upright.convert("RGBA" if transparent else "RGB")
    if transparent and pixels.getchannel("A").getextrema() == (255, 255):
        pixels = pixels.convert("RGB")
    pixels.info.clear()  # else profiles and comments are written again
    return pixels


def on_white(image: Image.Image) -> Image.Image:
    """RGB or RGBA as RGB."""
    if image.mode != "RGBA":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _open(data: bytes, name: str) -> ImageFile.ImageFile:
    if not data:
        raise InputError("picture_empty", name=name)
    image = Image.open(io.BytesIO(data), formats=_FORMATS)
    if (pixels := image.width * image.height) > MAX_STORED_PIXELS:
        raise InputError("picture_too_large", name=name, pixels=pixels, limit=MAX_STORED_PIXELS)
    return image


def _unreadable(error: Exception, name: str) -> InputError:
    said = str(error)
    if found := re.search(r"\((\d+) pixels\)", said):  # Pillow's own limit, which is higher
        return InputError("picture_too_large", name=name, pixels=int(found[1]), limit=MAX_STORED_PIXELS)
    if "truncated" in said or "end of file" in said.lower():
        return InputError("picture_truncated", name=name)
    return InputError("picture_unreadable", name=name, cause=said)
