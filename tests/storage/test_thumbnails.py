"""Small pictures for lists."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from studio.errors import NotFoundError
from studio.library.picture_intake import normalise_file
from studio.storage.store import Store
from studio.storage.thumbnails import MAX_SIDE, Thumbnails


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def thumbnails(tmp_path: Path, store: Store) -> Thumbnails:
    return Thumbnails(tmp_path, store)


def kept(store: Store, width: int, height: int, format: str = "JPEG", **options: object) -> str:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).save(out, format, **options)
    return store.add_file(normalise_file(out.getvalue(), "a picture"), "ann")


@pytest.mark.parametrize(("width", "height"), [(1600, 900), (900, 1600), (20, 10), (4000, 3), (1, 1), (20_000, 300)])
def test_it_is_small_and_keeps_its_shape(thumbnails: Thumbnails, store: Store, width: int, height: int) -> None:
    with Image.open(thumbnails.path(kept(store, width, height))) as small:
        assert small.format == "WEBP" and max(small.size) == min(MAX_SIDE, max(width, height))
        assert small.height == pytest.approx(small.width * height / width, abs=1)


def test_a_turned_photo_lies_upright(thumbnails: Thumbnails, store: Store) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    with Image.open(thumbnails.path(kept(store, 800, 500, exif=exif))) as small:
        assert small.height > small.width


def test_it_is_made_once(thumbnails: Thumbnails, store: Store) -> None:
    key = kept(store, 800, 500)
    made = thumbnails.path(key).stat().st_mtime_ns
    assert thumbnails.path(key).stat().st_mtime_ns == made


@pytest.mark.parametrize("key", ["", "0" * 64, "../../etc/passwd", "0" * 63 + "\n", "A" * 64])
def test_what_is_not_there_is_not_found(thumbnails: Thumbnails, key: str) -> None:
    with pytest.raises(NotFoundError):
        thumbnails.path(key)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff\xe0 and then nothing"])
def test_a_damaged_file_is_not_found(thumbnails: Thumbnails, store: Store, data: bytes) -> None:
    key = kept(store, 800, 500)
    store.file_path(key).write_bytes(data)
    with pytest.raises(NotFoundError):
        thumbnails.path(key)
    assert not list(store.file_path(key).parents[2].glob("thumbnails/*/*"))
