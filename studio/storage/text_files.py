"""Text files that people name: outlines, materials, questions, captions beside pictures."""

from __future__ import annotations

from pathlib import Path

from studio.encodings.text import Text, decode_text
from studio.storage.regular_file import read_regular

MAX_TEXT_BYTES = 16 << 20  # of a file; what is made of it has its own limits in characters


def read_text_file(path: Path, limit: int = MAX_TEXT_BYTES) -> Text:
    """The text of a file in any usual encoding. Raises NotFoundError, and InputError for what is no ordinary file, has
    more than `limit` bytes, or is no text."""
    return decode_text(read_regular(path, limit), path.name)
