"""The studio's own picture files, for the ViT: the upright RGB that a viewer would show, or a clear sentence."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from golden import Given, architecture, tensors
from PIL import Image as Picture

from studio.checkpoints.families import MAX_TILES, TILE_PIXELS, XCOMPOSER2_4KHD, tile_tokens
from studio.errors import InputError
from studio.models import tiles
from studio.models.image_preprocessing import MEAN, STD, opened, pixels, size_of
from studio.models.xcomposer2_4khd import TILING, TiledVisionTower
from studio.pictures.stored import MAX_STORED_PIXELS


def data(picture: Picture.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def failure(content: bytes) -> str:
    with pytest.raises(InputError) as caught:
        opened(content, "photo")
    return caught.value.key


def test_pixels_are_bicubic_and_normalised() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    picture = Picture.fromarray(noise)
    x = pixels(opened(data(picture)), 28)
    square = np.asarray(picture.resize((28, 28), Picture.Resampling.BICUBIC), dtype=np.float32) / 255
    expected = (square - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    np.testing.assert_allclose(x.permute(1, 2, 0).numpy(), expected, atol=1e-6)


def test_exif_orientation_is_honoured() -> None:
    picture = Picture.new("RGB", (8, 4), "red")
    picture.paste("blue", (0, 0, 4, 4))
    exif = Picture.Exif()
    exif[0x0112] = 6  # shown turned clockwise: what was left comes to the top
    upright = opened(data(picture, exif=exif))
    assert upright.size == size_of(data(picture, exif=exif)) == (4, 8)
    assert size_of(data(picture, "JPEG", exif=exif)) == (4, 8) and size_of(data(picture)) == (8, 4)
    assert upright.getpixel((1, 1)) == (0, 0, 255) and upright.getpixel((1, 6)) == (255, 0, 0)


def test_cmyk_becomes_its_colours() -> None:
    pixel: Any = opened(data(Picture.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG")).getpixel((4, 4))
    r, g, b = pixel
    assert r > 200 and g < 60 and b < 60


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_white(mode: str) -> None:
    clear = Picture.new("RGBA", (4, 4), (255, 0, 0, 0)).convert(mode)
    assert opened(data(clear)).getpixel((1, 1)) == (255, 255, 255)
    half = opened(data(Picture.new("RGBA", (4, 4), (0, 0, 0, 128)).convert(mode)))
    assert half.getpixel((1, 1)) == (127, 127, 127)


def test_a_palette_with_transparency_is_white_there() -> None:
    palette = Picture.new("P", (4, 4), 0)
    palette.putpalette([255, 0, 0, 0, 255, 0])
    assert opened(data(palette, transparency=0)).getpixel((0, 0)) == (255, 255, 255)
    assert opened(data(palette)).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("form", ["WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_taken(form: str) -> None:
    frames = [Picture.new("RGB", (16, 16), colour) for colour in ("red", "blue", "lime")]
    pixel: Any = opened(data(frames[0], form, save_all=True, append_images=frames[1:])).getpixel((8, 8))
    r, g, b = pixel
    assert r > 230 and g < 30 and b < 30


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (4000, 1)])
def test_odd_sizes_become_a_square(size: tuple[int, int]) -> None:
    x = pixels(opened(data(Picture.new("RGB", size, "lime"))), 28)
    assert x.shape == (3, 28, 28)
    assert float(x[1].mean()) == pytest.approx((1 - MEAN[1]) / STD[1], abs=1e-4)


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims any size."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + bytes(4) + b"IDAT"
    )


@pytest.mark.parametrize("side", [5_000, 20_000, 60_000])
def test_too_large_a_picture_is_refused_before_it_unfolds(side: int) -> None:
    with pytest.raises(InputError) as caught:
        opened(png_header(side, side), "photo")
    assert caught.value.key == "picture_too_large"
    assert caught.value.facts["pixels"] == side * side and caught.value.facts["limit"] == MAX_STORED_PIXELS


def test_broken_files_are_told_apart() -> None:
    noise = Picture.fromarray(np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8))
    assert failure(b"") == "picture_empty"
    assert failure(b"hello") == "picture_unreadable"
    assert failure(data(noise, "TIFF")) == "picture_unreadable"  # the studio keeps none
    assert failure(data(noise, "JPEG")[:2000]) == "picture_truncated"
    assert failure(data(noise, "PNG")[:5000]) == "picture_truncated"
    assert failure(data(noise, "PNG")[:20]) in ("picture_truncated", "picture_unreadable")


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1000, 1000), (5, 5)), ((2000, 1000), (3, 6)), ((1000, 2000), (6, 3)), ((9000, 100), (1, 25)), ((3, 4), (5, 4))],
)
def test_4khd_tiles_by_the_largest_scale_that_fits(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert TILING.layout(*size, MAX_TILES) == expected


@pytest.mark.parametrize("size", [(1300, 700), (700, 1300), (90, 90)])
def test_4khd_cuts_as_laid_out_and_fills_up_with_white(size: tuple[int, int]) -> None:
    found = TILING.cut(Picture.new("RGB", size, "black"), MAX_TILES)
    cut, rows, columns = found.views, found.rows, found.columns
    assert (rows, columns) == TILING.layout(*size, MAX_TILES)
    assert cut.shape == (1 + rows * columns, 3, TILE_PIXELS, TILE_PIXELS)
    whole = cut[1:].view(rows, columns, 3, TILE_PIXELS, TILE_PIXELS).permute(2, 0, 3, 1, 4)
    whole = whole.reshape(3, rows * TILE_PIXELS, columns * TILE_PIXELS)
    white, black = (1 - MEAN[0]) / STD[0], -MEAN[0] / STD[0]
    assert float(whole[0].mean(0 if size[0] < size[1] else 1).max()) <= white + 1e-4
    share = float((whole[0] - black).mean()) / (white - black)
    assert share == pytest.approx(1 - _covered(size, rows, columns), abs=0.01)


def _covered(size: tuple[int, int], rows: int, columns: int) -> float:
    """Share of the tiles' area that the resized picture covers."""
    long, short = max(size), min(size)
    most = max(rows, columns) * TILE_PIXELS
    return int(most / (long / short)) / (min(rows, columns) * TILE_PIXELS)


def test_4khd_joins_rows_newlines_and_separator_in_order() -> None:
    rows, columns, side = 2, 3, 4
    features = torch.zeros(1 + rows * columns, side * side, 2)
    for tile in range(features.shape[0]):
        features[tile] = torch.arange(side * side)[:, None] + 100.0 * tile
    newline, separator = torch.full((1, 1, 1, 8), -1.0), torch.full((1, 1, 8), -2.0)
    found = tiles.joined(features, rows, columns, separator, newline)
    assert found[0].tolist() == [0, 0, 1, 1, 4, 4, 5, 5]  # 2×2 neighbours in reading order
    told = found[:, 0].tolist()
    assert told[:7] == [0, 2, -1, 8, 10, -1, -2]
    assert told[7:14] == [100, 102, 200, 202, 300, 302, -1]
    assert told[14:21] == [108, 110, 208, 210, 308, 310, -1]
    assert told[21:28] == [400, 402, 500, 502, 600, 602, -1]
    assert len(told) == 35


def test_a_4khd_tower_gives_the_tokens_it_promises() -> None:
    a = architecture(image=TILE_PIXELS, rank=8)
    assert a.vision is not None
    merged = replace(a.vision, patch=14, positions=577, layers=1, projector_in=4 * a.vision.width)
    a = replace(a, family=XCOMPOSER2_4KHD, vision=merged)
    tower = TiledVisionTower(a, Given(tensors(a)))
    picture = Picture.new("RGB", (900, 36), "teal")
    assert tower.embed([tower.preprocess(picture)])[0].shape == (tower.tokens(900, 36), a.hidden)
    assert tower.tokens(900, 36) == tile_tokens(1, 25) == 26 * 144 + 1 + 2 * 12
