"""What people bring: every kind of picture file, and what only pretends to be one. The files are made here."""

from __future__ import annotations

import hashlib
import io
import struct
import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms, ImageDraw

from studio.errors import InputError
from studio.library.picture_intake import NormalisedPicture, normalise_file
from studio.pictures.cost import MAX_PIXELS, MAX_SIDE
from studio.pictures.metadata import Hints

WHITE, RED = (255, 255, 255), (200, 30, 30)


def photo(width: int = 320, height: int = 200) -> Image.Image:
    """Noise over a gradient, as a photo has; its left half is much darker than its right."""
    random = np.random.default_rng(1)
    base = np.where(np.arange(width)[None, :, None] < width // 2, 60, 190)
    pixels = np.clip(random.normal(base, 20, (height, width, 3)), 0, 255)
    return Image.fromarray(pixels.astype(np.uint8))


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def heic(image: Image.Image, **options: object) -> bytes:
    pillow_heif.register_heif_opener()
    return saved(image, "HEIF", **options)


def opened(taken: NormalisedPicture) -> Image.Image:
    image = Image.open(io.BytesIO(taken.data))
    image.load()
    return image


def exif(**tags: object) -> Image.Exif:
    made = Image.Exif()
    for name, value in tags.items():
        made[getattr(ExifTags.Base, name)] = value
    return made


def refused(data: bytes, key: str, name: str = "holiday.jpg") -> InputError:
    with pytest.raises(InputError) as caught:
        normalise_file(data, name)
    assert caught.value.key == key, caught.value
    for language in ("en", "zh"):
        assert name in caught.value.say(language)
    return caught.value


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"])
def test_every_kind_becomes_a_clean_rgb_file(format: str) -> None:
    pillow_heif.register_heif_opener()
    taken = normalise_file(saved(photo(), format), "a")
    image = opened(taken)
    assert image.mode == "RGB" and image.size == (taken.width, taken.height) == (320, 200)
    assert taken.key == hashlib.sha256(taken.data).hexdigest()
    assert taken.mime == {"JPEG": "image/jpeg", "PNG": "image/png"}[image.format or ""]
    left, right = np.asarray(image)[:, :160].mean(), np.asarray(image)[:, 160:].mean()
    assert left == pytest.approx(60, abs=8) and right == pytest.approx(190, abs=8)


def test_the_same_file_has_the_same_key() -> None:
    data = saved(photo(), "JPEG")
    assert normalise_file(data, "a").key == normalise_file(data, "b").key


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(orientation: int) -> None:
    turned = {
        1: None,
        2: 0,
        3: 3,
        4: 1,
        5: 5,
        6: 2,
        7: 6,
        8: 4,
    }[orientation]  # fmt: skip - the transposition that undoes each EXIF orientation's own, by Pillow's numbers
    stored = photo() if turned is None else photo().transpose(Image.Transpose(turned))
    taken = normalise_file(saved(stored, "JPEG", exif=exif(Orientation=orientation)), "a")
    image = opened(taken)
    assert image.size == (320, 200)
    assert np.asarray(image)[:, :150].mean() < 100 < np.asarray(image)[:, 170:].mean()
    assert ExifTags.Base.Orientation not in image.getexif()


def test_a_heic_of_a_phone_is_turned_once() -> None:
    taken = normalise_file(
        heic(photo().transpose(Image.Transpose.ROTATE_90), exif=exif(Orientation=6).tobytes()), "IMG.heic"
    )
    assert (taken.width, taken.height) == (320, 200)


def test_huge_photos_are_shrunk_quickly() -> None:
    data = saved(photo(64, 48).resize((8000, 6000)), "JPEG")
    start = time.monotonic()
    taken = normalise_file(data, "a")
    assert (taken.width, taken.height) == (MAX_SIDE, MAX_SIDE * 3 // 4)
    assert time.monotonic() - start < 4  # half a second on a free core


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    taken = normalise_file(saved(Image.new("RGB", size, RED), "PNG"), "a")
    assert max(taken.width, taken.height) == min(MAX_SIDE, max(size)) and min(taken.width, taken.height) >= 1


def test_no_metadata_stays() -> None:
    tags = exif(ImageDescription="At home", Make="Phone")
    tags.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.0)
    for format in ("JPEG", "PNG", "WEBP"):
        data = saved(photo(), format, exif=tags)
        assert b"Phone" in data
        taken = normalise_file(data, "a")
        image = opened(taken)
        assert not image.getexif() and b"Phone" not in taken.data and b"Exif" not in taken.data
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def _cmyk() -> bytes:
    return saved(Image.new("CMYK", (64, 64), (0, 217, 217, 55)), "JPEG", quality=95)


def _palette() -> bytes:
    return saved(Image.new("RGB", (64, 64), RED).quantize(4), "PNG")


def _transparent_palette() -> bytes:
    image = Image.new("RGBA", (64, 64), (*RED, 255)).quantize(4)
    return saved(image, "GIF")


def _profiled() -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return saved(Image.new("RGB", (64, 64), RED), "JPEG", icc_profile=profile, quality=95)


def _broken_profile() -> bytes:
    return saved(Image.new("RGB", (64, 64), RED), "PNG", icc_profile=b"no profile at all")


@pytest.mark.parametrize("make", [_cmyk, _palette, _transparent_palette, _profiled, _broken_profile])
def test_colours_come_through(make: Callable[[], bytes]) -> None:
    colour: Any = opened(normalise_file(make(), "a")).getpixel((32, 32))
    assert np.allclose(colour, RED, atol=6), colour


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_become_white(mode: str) -> None:
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((0, 0, 31, 63), fill=(0, 0, 0, 255))
    taken = opened(normalise_file(saved(image.convert(mode), "PNG"), "a"))
    assert taken.getpixel((50, 32)) == WHITE and taken.getpixel((10, 32)) == (0, 0, 0)


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    values: Any = np.linspace(0, 65535, 256 * 64).reshape(64, 256).astype(np.uint16)
    for format in ("PNG", "TIFF"):
        grey = np.asarray(opened(normalise_file(saved(Image.fromarray(values), format), "a")))[..., 0]
        assert grey[0, 0] == 0 and grey[32, 0] == pytest.approx(128, abs=2) and grey[-1, -1] == 255


@pytest.mark.parametrize("top", [1.0, 1000.0])
def test_measured_values_are_scaled(top: float) -> None:
    values: Any = np.linspace(0, top, 64 * 64, dtype=np.float32).reshape(64, 64)
    values[0, 0] = np.nan
    grey = np.asarray(opened(normalise_file(saved(Image.fromarray(values), "TIFF"), "a")))[..., 0]
    assert grey[0, 0] == 0 and grey[-1, -1] == 255


@pytest.mark.parametrize("top", [255, 1000, 4095, 16383])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_few_bits_in_sixteen_are_stretched(format: str, top: int) -> None:
    values: Any = np.linspace(0, top, 64 * 64).reshape(64, 64).astype(np.uint16)
    grey = np.asarray(opened(normalise_file(saved(Image.fromarray(values), format), "a")))[..., 0]
    assert grey[0, 0] == 0 and grey[32, 0] == pytest.approx(128, abs=3) and grey[-1, -1] == 255


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_tiff_in_which_zero_is_white(dtype: type) -> None:
    values: Any = np.linspace(0, 255 if dtype is np.uint8 else 60_000, 64 * 64).reshape(64, 64).astype(dtype)
    data = saved(Image.fromarray(values), "TIFF", tiffinfo={262: 0})
    assert dict(Image.open(io.BytesIO(data)).getexif())[262] == 0
    grey = np.asarray(opened(normalise_file(data, "a")))[..., 0]
    if dtype is np.uint8:  # Pillow turns these over when it writes, too
        assert grey[0, 0] < 30 and grey[-1, -1] > 230
    else:
        assert grey[0, 0] > 230 and grey[-1, -1] < 30


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_of_a_sticker_the_first_frame_that_shows_something(format: str) -> None:
    empty, full = Image.new("RGBA", (64, 64), (0, 0, 0, 0)), Image.new("RGBA", (64, 64), (*RED, 255))
    options = {"save_all": True, "duration": 100, "lossless": True}
    data = saved(empty, format, append_images=[empty, full], **options)
    assert np.allclose(np.asarray(opened(normalise_file(data, "a")))[3, 3], RED, atol=6)
    assert opened(normalise_file(saved(empty, format, append_images=[empty], **options), "a")).getpixel((3, 3)) == WHITE


def test_the_largest_image_of_a_tiff() -> None:
    pages = [photo(32, 20), photo(320, 200), photo(160, 100)]
    taken = normalise_file(saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]), "a")
    assert (taken.width, taken.height) == (320, 200)


def test_damage_behind_the_first_image_does_not_matter() -> None:
    data = saved(photo(), "TIFF", save_all=True, append_images=[photo(64, 64)])
    assert normalise_file(data[:-60], "a").width == 320


def test_black_and_white() -> None:
    image = Image.new("1", (64, 64), 1)
    assert opened(normalise_file(saved(image, "TIFF"), "a")).getpixel((3, 3)) == WHITE


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_animations_give_their_first_frame(format: str) -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in (RED, (0, 255, 0), (0, 0, 255))]
    data = saved(frames[0], format, save_all=True, append_images=frames[1:])
    assert np.allclose(np.asarray(opened(normalise_file(data, "a")))[3, 3], RED, atol=6)


def test_drawings_stay_lossless_and_photos_do_not() -> None:
    drawing = Image.new("RGB", (400, 300), WHITE)
    ImageDraw.Draw(drawing).text((20, 20), "A sharp letter", fill=RED, font_size=40)
    taken = normalise_file(saved(drawing, "PNG"), "a")
    assert taken.mime == "image/png" and np.array_equal(np.asarray(opened(taken)), np.asarray(drawing))
    assert normalise_file(saved(photo(), "PNG"), "a").mime == "image/jpeg"


def test_an_empty_file() -> None:
    refused(b"", "picture_empty")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"<svg onload='alert(1)'/>", "SVG"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
        (b"<html><body>404 Not Candidate", "HTML"),
        (b"PK\x03\x04....", "ZIP"),
        (b"\0\0\0\x18ftypmp42", "video"),
        (b"8BPS\0\1", "Photoshop"),
    ],
)
def test_other_files_are_named(data: bytes, kind: str) -> None:
    assert kind in str(refused(data, "picture_unreadable"))


@pytest.mark.parametrize("data", [b"hello", b"\0" * 1000, "这不是图片".encode()])
def test_what_is_nothing_known(data: bytes) -> None:
    refused(data, "picture_unknown")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF"])
@pytest.mark.parametrize("share", [0.2, 0.7])
def test_truncated_files(format: str, share: float) -> None:
    pillow_heif.register_heif_opener()
    data = saved(photo(), format)
    with pytest.raises(InputError) as caught:
        normalise_file(data[: int(len(data) * share)], "cut.jpg")
    assert caught.value.key in ("picture_truncated", "picture_unreadable")
    if format in ("JPEG", "PNG", "BMP"):
        assert caught.value.key == "picture_truncated"


def png_of(width: int, height: int) -> bytes:
    """A PNG that promises a size, with almost no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_001, 13_000, 60_000])
def test_a_decompression_bomb_is_refused_before_it_unfolds(side: int) -> None:
    start = time.monotonic()
    error = refused(png_of(side, side), "picture_too_large")
    assert error.facts["pixels"] == side * side > MAX_PIXELS and f"{side * side:,}" in str(error)
    assert time.monotonic() - start < 1


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "WEBP"]),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=8),
)
def test_damaged_files_give_a_picture_or_a_sentence(format: str, changes: list[tuple[int, int]]) -> None:
    data = bytearray(saved(photo(48, 32), format, exif=exif(ImageDescription="A cat")))
    for place, value in changes:
        data[place % len(data)] = value
    try:
        taken = normalise_file(bytes(data), "a")
    except InputError as error:
        assert error.say("zh")
    else:
        assert opened(taken).mode == "RGB"


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_sentence(data: bytes) -> None:
    with pytest.raises(InputError):
        normalise_file(data, "a")


def _iptc_jpeg(caption: bytes) -> bytes:
    record = b"\x1c\x02\x78" + struct.pack(">H", len(caption)) + caption
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record + b"\0" * (len(record) % 2)
    segment = b"Photoshop 3.0\0" + block
    data = saved(photo(), "JPEG")
    return data[:2] + b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment + data[2:]


def test_captions_and_dates_are_found() -> None:
    tags = exif(ImageDescription=" A red\nfox \0", DateTime="2024:05:01 10:00:00")
    assert normalise_file(saved(photo(), "JPEG", exif=tags), "a").hints == Hints("A red fox", "2024-05-01")
    tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2023:01:31 09:00:00"
    assert normalise_file(saved(photo(), "JPEG", exif=tags), "a").hints.date == "2023-01-31"
    assert normalise_file(heic(photo(), exif=tags.tobytes()), "a").hints.caption == "A red fox"
    windows = exif(XPTitle="秋天的茶园".encode("utf-16-le") + b"\0\0")
    assert normalise_file(saved(photo(), "JPEG", exif=windows), "a").hints.caption == "秋天的茶园"
    assert normalise_file(_iptc_jpeg("孩子们在读书".encode()), "a").hints.caption == "孩子们在读书"
    assert normalise_file(_iptc_jpeg(b"Caf\xe9"), "a").hints.caption == "Café"


def test_chinese_in_exif_and_png_text() -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt("Description", "茶园")
    assert normalise_file(saved(photo(), "PNG", pnginfo=info), "a").hints.caption == "茶园"
    tags = exif(ImageDescription="雪山".encode())
    assert normalise_file(saved(photo(), "JPEG", exif=tags), "a").hints.caption == "雪山"


@pytest.mark.parametrize("said", ["OLYMPUS DIGITAL CAMERA", "SAMSUNG", "DCIM 100", "Screenshot", "   ", "20240501"])
def test_what_cameras_write_by_themselves_is_no_caption(said: str) -> None:
    assert normalise_file(saved(photo(), "JPEG", exif=exif(ImageDescription=said)), "a").hints.caption == ""
