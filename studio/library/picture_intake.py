"""The door for picture files from outside: each becomes a clean picture, named by its content, or a sentence.

The file is opened in a decoder process, see `studio.pictures`; here are only its bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from studio.errors import InputError
from studio.pictures.decoder_pool import DecoderPool
from studio.pictures.metadata import Hints

DECODERS = DecoderPool()  # of this program; starts no process before the first picture


@dataclass(frozen=True)
class NormalisedPicture:
    """A picture as it is kept: the new file's bytes, their sha256, and what the old file said of itself."""

    data: bytes = field(repr=False)
    key: str
    mime: str
    width: int
    height: int
    hints: Hints = Hints()


def normalise_file(data: bytes, name: str) -> NormalisedPicture:
    """Clean a picture file; `name` stands in the error's sentence. Raises StudioError.

    The result is upright, RGB, at most 2048 pixels long, without metadata. Animations give their first frame that shows
    something, TIFFs their largest image; transparent parts become white, colours become sRGB. Any thread may call this;
    it waits while two others are at it.
    """
    if not data:
        raise InputError("picture_empty", name=name)
    image = DECODERS.normalise(data, name)
    return NormalisedPicture(
        image.data,
        hashlib.sha256(image.data).hexdigest(),
        image.mime,
        image.width,
        image.height,
        image.hints,
    )
