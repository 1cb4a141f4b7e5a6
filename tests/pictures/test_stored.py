"""Stored pictures are opened without a process of their own, so they are looked at first."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pictures.crafted import claimed_webp, jpeg, png, tiff
from PIL import Image

from studio.errors import InputError, NotFoundError
from studio.export.images import load
from studio.library.picture_intake import normalise_file
from studio.pictures.stored import decode_stored, read_header
from studio.storage.store import Store
from studio.storage.thumbnails import Thumbnails

COSTLY = {
    "png": png(10_000, 10_000, 8, 2),
    "webp": claimed_webp(16_383, 16_383),
    "jpeg": jpeg(8_000, 4_000),
    "tiff": tiff(2_000, 2_000, 32, format=3),
}


@pytest.mark.parametrize("name", COSTLY)
def test_what_the_studio_did_not_write_is_refused_by_its_header(name: str) -> None:
    for open_it in (read_header, decode_stored):
        with pytest.raises(InputError) as caught:
            open_it(COSTLY[name], "a.png")
        assert caught.value.key == ("picture_unreadable" if name == "tiff" else "picture_too_large")


@pytest.mark.parametrize("name", COSTLY)
def test_a_stored_file_that_was_changed_on_the_disk(name: str, tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.linear_gradient("L").save(out, "JPEG")
    store = Store(tmp_path)
    key = store.add_file(normalise_file(out.getvalue(), "a"), "ann")
    store.file_path(key).write_bytes(COSTLY[name])
    assert load(key, store.read_file) is None
    with pytest.raises(NotFoundError):
        Thumbnails(tmp_path, store).path(key)
    store.close()


def test_a_jpeg_comes_reduced_where_less_is_enough() -> None:
    assert decode_stored(jpeg(2048, 1024), enough=256).size == (512, 256)
    assert decode_stored(jpeg(2048, 1024)).size == (2048, 1024)
