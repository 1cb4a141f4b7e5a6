"""What opening a picture may cost, and what it will: computed from the file's header before a pixel is decoded.

The estimate gives most costly files a sentence at once and on every system. It need not be exact, because on Linux the
decoder process cannot have more than its limit anyway, see `decoder.py`.
"""

from __future__ import annotations

import re
from typing import Any

from PIL import ImageFile

from studio.errors import InputError

MEMORY = 950_000_000  # bytes: one file in the whole program, the decoder process and the copy that is sent to it
SECONDS = 5.0  # of a core for one file
PATIENCE = 3  # times as many by the clock: what a busy machine does not get done is no fault of the file
MAX_FILE_BYTES = 200 << 20  # bytes of a picture file
MAX_PIXELS = 100_000_000  # a 100-megapixel camera; as RGB that is 400 MB in Pillow
MAX_JPEG_PIXELS = 300_000_000  # JPEGs are decoded reduced; this is what can be read in the time
MAX_SIDE = 2048  # pixels of the longer side that are kept
REDUCING_GAP = 2.0  # a picture is brought to so many times its final size in the fast, coarse way

_BASE = 270_000_000  # address space of the process itself (150 MB), and what becomes of the reduced picture
# Bytes a pixel that the libraries behind these formats hold at their peak, measured with 20 megapixels.
_LIBRARY_BYTES = {"WEBP": 16, "HEIF": 12, "AVIF": 12}
_WITH_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")  # also palettes become RGBA


def require_affordable(image: ImageFile.ImageFile, file_bytes: int) -> None:
    """Raises InputError (without the file's name) for an opened, not yet loaded picture that would cost too much."""
    limit = MAX_JPEG_PIXELS if image.format in ("JPEG", "MPO") else MAX_PIXELS
    _require(image.width * image.height, limit, decoded_bytes(image), file_bytes)


def require_affordable_webp(data: bytes) -> None:
    """The same from the bytes of a file: the library behind WebP takes memory for the whole picture as soon as the file
    is opened. Other files pass."""
    if re.match(rb"RIFF....WEBPVP8[ LX]", data, re.S) and len(data) >= 30:
        width, height = _webp_size(data)
        _require(width * height, MAX_PIXELS, width * height * _LIBRARY_BYTES["WEBP"], len(data))


def too_costly() -> InputError:
    """The sentence for a picture that does not fit, to which the file's name is added."""
    return InputError("picture_too_costly", limit=MEMORY // 1_000_000)


def decoded_bytes(image: ImageFile.ImageFile) -> int:
    """About how much memory decoding and reducing the first frame takes at its peak."""
    if image.format in ("JPEG", "MPO"):
        return _jpeg_bytes(image)
    pixels: int = image.width * image.height
    if image.format in _LIBRARY_BYTES:
        return pixels * _LIBRARY_BYTES[image.format]
    needed = pixels * _bytes_per_pixel(image.mode)
    if image.format == "TIFF":
        needed = needed * (1 + _is_turned(image)) + _strip_bytes(image)
    if image.mode in _WITH_ALPHA or image.mode == "P":  # scaling makes another copy of them
        needed += 4 * pixels if image.mode == "RGBA" else 8 * pixels // reduction(image.size) ** 2
    return needed


def reduction(size: tuple[int, int]) -> int:
    """The whole factor by which a picture can be reduced in the coarse way and still be twice as large as is kept."""
    return max(1, int(max(size) / (MAX_SIDE * REDUCING_GAP)))


def _require(pixels: int, limit: int, decoded: int, file_bytes: int) -> None:
    if pixels > limit:
        raise InputError("picture_too_large", pixels=pixels, limit=limit)
    if _BASE + 2 * file_bytes + decoded > MEMORY:  # the program's copy of the file, and the process's
        raise too_costly()


def _webp_size(data: bytes) -> tuple[int, int]:
    match data[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF


def _bytes_per_pixel(mode: str) -> int:
    """Of Pillow's memory; it keeps three channels in four bytes."""
    return 1 if mode in ("1", "L", "P") else 2 if mode.startswith("I;16") else 4


def _jpeg_bytes(image: Any) -> int:
    """The pixels after the decoder's own reduction by 2, 4 or 8; a progressive file also has all its coefficients in
    memory, two bytes each, however much it is reduced."""
    scale = next(scale for scale in (8, 4, 2, 1) if reduction(image.size) >= scale)
    pixels: int = image.width * image.height
    reduced = 4 * pixels // scale**2
    if not image.info.get("progressive"):
        return reduced
    samples: int = sum(h * v for _, h, v, _ in image.layer)
    most: int = max(h for _, h, _, _ in image.layer) * max(v for _, _, v, _ in image.layer)
    return int(reduced + 2 * pixels * samples // max(1, most))


def _strip_bytes(image: Any) -> int:
    """What libtiff decodes at a time: a strip, often the whole picture."""
    tags = image.tag_v2
    rows: int = min(int(tags.get(278, image.height)), image.height)  # RowsPerStrip
    bits: int = max(tags.get(258, (8,)))  # BitsPerSample
    samples = int(tags.get(277, 1))  # SamplesPerPixel
    return int(image.width * rows * samples * max(1, bits // 8))


def _is_turned(image: Any) -> bool:
    """Whether Pillow will turn it, which takes a second copy."""
    return bool(image.tag_v2.get(274, 1) != 1)  # Orientation
