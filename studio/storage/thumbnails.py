"""Pictures made small for lists of them: WebP files in the data folder, each made when it is first asked for.

Nothing else knows of them: a folder `thumbnails/` that is deleted fills again.
"""

from __future__ import annotations

import io
from pathlib import Path

from studio.errors import NotFoundError
from studio.pictures.cost import MAX_FILE_BYTES
from studio.pictures.stored import decode_stored, on_white
from studio.storage.atomic_file import write_atomically
from studio.storage.regular_file import read_regular
from studio.storage.store import Store

MAX_SIDE = 400  # pixels: what a card of a list needs on a sharp screen's phone, 1/5 of the bytes of the picture
QUALITY = 80


class Thumbnails:
    """The folder, and the pictures of the store."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder / "thumbnails"
        self._store = store

    def path(self, key: str) -> Path:
        """The small picture's file. Raises NotFoundError for a picture that is not there or cannot be opened."""
        source = self._store.file_path(key)  # knows what a key looks like: nothing else becomes part of a path
        made = self._folder / key[:2] / f"{key}.webp"
        if made.is_file():
            return made
        try:
            write_atomically(made, small(source))
        except Exception as e:  # noqa: BLE001 - a damaged file makes a decoder raise anything; a full disk is no better
            raise NotFoundError("stored_picture_missing", picture=key) from e
        return made


def small(source: Path) -> bytes:
    """A picture's file as a small WebP. Raises InputError and OSError."""
    image = on_white(decode_stored(read_regular(source, MAX_FILE_BYTES), source.name, enough=2 * MAX_SIDE))
    image.thumbnail((MAX_SIDE, MAX_SIDE), reducing_gap=2.0)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=QUALITY)
    return out.getvalue()
