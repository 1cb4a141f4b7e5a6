"""Small files that cost much to open: made here, in milliseconds, each a few hundred kilobytes at most."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pillow_heif
from PIL import Image


def zlib_zeros(length: int) -> bytes:
    """So many zero bytes as a zlib stream, without compressing them: one compressed megabyte again and again."""
    press = zlib.compressobj(9)
    head = press.compress(bytes(1 << 20)) + press.flush(zlib.Z_FULL_FLUSH)
    block = press.compress(bytes(1 << 20)) + press.flush(zlib.Z_FULL_FLUSH)
    count, rest = divmod(length, 1 << 20)
    tail = zlib.compressobj(9, wbits=-15)
    end = tail.compress(bytes(rest)) + tail.flush()
    if not count:
        head = head[:2]
    return head + block * (count - 1) + end + struct.pack(">HH", length % 65521, 1)


def png(width: int, height: int, bits: int, colour: int, extra: bytes = b"") -> bytes:
    """A whole black PNG. `colour`: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = 1 + (width * bits * samples + 7) // 8
    palette = png_chunk(b"PLTE", bytes(768)) + png_chunk(b"tRNS", bytes(256)) if colour == 3 else b""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = png_chunk(b"IDAT", zlib_zeros(row * height))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + palette + extra + body + png_chunk(b"IEND", b"")


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def tiff(width: int, height: int, bits: int, samples: int = 1, format: int = 1, orientation: int = 1) -> bytes:
    """A whole TIFF of zeros in one deflated strip. `format`: 1 unsigned, 2 signed, 3 float."""
    data = zlib_zeros(width * height * samples * bits // 8)
    tags = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, bits),
        (259, 3, 8),  # deflate
        (262, 3, 2 if samples >= 3 else 1),
        (273, 4, 8),
        (274, 3, orientation),
        (277, 3, samples),
        (278, 4, height),
        (279, 4, len(data)),
        (339, 3, format),
    ]
    directory, late = struct.pack("<H", len(tags)), b""
    place = 8 + len(data) + 2 + 12 * len(tags) + 4
    for tag, kind, value in tags:
        if tag in (258, 339) and samples > 2:  # one for each sample; they do not fit into the entry
            directory += struct.pack("<HHII", tag, 3, samples, place + len(late))
            late += struct.pack("<H", value) * samples
        else:
            directory += struct.pack("<HHII", tag, kind, 1, value)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory + bytes(4) + late


def jpeg(width: int, height: int) -> bytes:
    """A whole baseline JPEG of any size: one row of blocks, again and again between restart markers."""
    row = Image.effect_noise((width, 16), 60).convert("RGB")
    out = io.BytesIO()
    row.save(out, "JPEG", quality=5, subsampling=2, restart_marker_rows=1)
    data = bytearray(out.getvalue())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 7] = struct.pack(">H", height)
    scan = data.index(b"\xff\xda")
    start = scan + 2 + struct.unpack(">H", data[scan + 2 : scan + 4])[0]
    body = bytes(data[start:-2])
    rows = [body + bytes((0xFF, 0xD0 + n % 8)) for n in range((height + 15) // 16)]
    return bytes(data[:start]) + b"".join(rows)[:-2] + b"\xff\xd9"


def progressive_with_scans(count: int) -> bytes:
    """A progressive JPEG that has the last of its scans so many times: 31 bytes and 10 ms for each."""
    out = io.BytesIO()
    Image.new("L", (4000, 4000), 90).save(out, "JPEG", progressive=True)
    data = out.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + b"\xff\xd9"


def claimed_progressive(width: int, height: int) -> bytes:
    """A progressive JPEG of 64 × 64 pixels that says it is larger."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(out, "JPEG", progressive=True, subsampling=0)
    data = bytearray(out.getvalue())
    frame = data.index(b"\xff\xc2")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def claimed_webp(width: int, height: int) -> bytes:
    """An animated WebP whose canvas is larger than its frames."""
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    data = bytearray(out.getvalue())
    data[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


def claimed_heif(format: str, width: int, height: int) -> bytes:
    """A HEIF or AVIF whose `ispe` boxes say that it is larger."""
    pillow_heif.register_heif_opener()
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(out, format)
    size = b"ispe" + bytes(4)
    return out.getvalue().replace(size + struct.pack(">II", 64, 64), size + struct.pack(">II", width, height))


def gif(width: int, height: int, frames: int = 1) -> bytes:
    """A GIF with a large canvas and tiny frames."""
    images = [Image.new("P", (16, 16), n % 250) for n in range(frames)]
    out = io.BytesIO()
    images[0].save(out, "GIF", save_all=True, append_images=images[1:])
    data = bytearray(out.getvalue())
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def bmp_rle(width: int, height: int) -> bytes:
    """A BMP in run-length coding that ends at once."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 2, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 14 + 40 + 1024 + 2, 0, 0, 14 + 40 + 1024) + header + bytes(1024) + b"\0\1"


def many_pages(count: int) -> bytes:
    pages = [Image.new("L", (8, 8), n % 256) for n in range(count)]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    return out.getvalue()


def text_bomb() -> bytes:
    """A PNG with compressed texts that are much larger than it."""
    text = b"Comment\0\0" + zlib.compress(bytes(1 << 20), 9)
    return png(64, 64, 8, 2, extra=png_chunk(b"zTXt", text) * 500)


def large_avif() -> bytes:
    out = io.BytesIO()
    Image.new("L", (6000, 5000)).save(out, "AVIF", speed=10, quality=10)
    return out.getvalue()


def deep_grey() -> bytes:
    """16-bit noise: what is left after scaling has 256 greys and is hard to compress."""
    values = np.random.default_rng(1).integers(0, 65536, (2000, 2000), dtype=np.uint16)
    out = io.BytesIO()
    Image.fromarray(values).save(out, "PNG", compress_level=1)
    return out.getvalue()


# name → (how it is made, what comes of it: "" when it is taken)
CRAFTED: dict[str, tuple[Callable[[], bytes], str]] = {
    "png rgb 100 MP": (lambda: png(10_000, 10_000, 8, 2), ""),
    "png rgba 100 MP": (lambda: png(10_000, 10_000, 8, 6), "picture_too_costly"),
    "png palette 100 MP": (lambda: png(10_000, 10_000, 8, 3), ""),
    "png grey 16 bits 100 MP": (lambda: png(10_000, 10_000, 16, 0), ""),
    "png rgb 16 bits 100 MP": (lambda: png(10_000, 10_000, 16, 2), ""),
    "png one bit 900 MP": (lambda: png(30_000, 30_000, 1, 0), "picture_too_large"),
    "png one row": (lambda: png(99_000_000, 1, 8, 0), ""),
    "png texts": (text_bomb, "picture_unreadable"),
    "png noise in greys": (deep_grey, ""),
    "tiff float 64 MP": (lambda: tiff(8_000, 8_000, 32, format=3), ""),
    "tiff float 100 MP": (lambda: tiff(10_000, 10_000, 32, format=3), "picture_too_costly"),
    "tiff signed 64 MP, turned": (lambda: tiff(8_000, 8_000, 32, format=2, orientation=6), "picture_too_costly"),
    "tiff grey 16 bits 100 MP": (lambda: tiff(10_000, 10_000, 16), ""),
    "tiff rgb 16 bits 100 MP": (lambda: tiff(10_000, 10_000, 16, 3), "picture_too_costly"),
    "tiff rgb 64 MP": (lambda: tiff(8_000, 8_000, 8, 3), ""),
    "tiff pages": (lambda: many_pages(500), ""),
    "gif canvas 100 MP": (lambda: gif(10_000, 10_000), ""),
    "gif canvas 4,295 MP": (lambda: gif(65_535, 65_535), "picture_too_large"),
    "gif animation": (lambda: gif(3_000, 3_000, 200), ""),
    "bmp run length 100 MP": (lambda: bmp_rle(10_000, 10_000), "picture_truncated"),
    "bmp run length 400 MP": (lambda: bmp_rle(20_000, 20_000), "picture_too_large"),
    "jpeg 200 MP": (lambda: jpeg(16_320, 12_240), ""),
    "jpeg 512 MP": (lambda: jpeg(32_000, 16_000), "picture_too_large"),
    "jpeg progressive 200 MP": (lambda: claimed_progressive(16_320, 12_240), "picture_too_costly"),
    "webp canvas 268 MP": (lambda: claimed_webp(16_383, 16_383), "picture_too_large"),
    "webp canvas 64 MP": (lambda: claimed_webp(8_000, 8_000), "picture_too_costly"),
    "heif claims 100 MP": (lambda: claimed_heif("HEIF", 10_000, 10_000), "picture_too_costly"),
    "avif 30 MP": (large_avif, ""),
}
