"""Pictures for the ViT: from the bytes of a file to upright, opaque RGB, and from there to normalised pixels.

The files are those that the studio keeps, never a stranger's. XComposer2 wants a square by bicubic resampling, aspect
not kept.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from studio.pictures.stored import decode_stored, on_white, upright_size

MEAN = (0.48145466, 0.4578275, 0.40821073)  # CLIP's
STD = (0.26862954, 0.26130258, 0.27577711)


_BYTES = np.arange(256, dtype=np.float32) / np.float32(255)
_NORMALISED = (_BYTES - np.array(MEAN, np.float32)[:, None]) / np.array(STD, np.float32)[:, None]  # [channel, byte]


def opened(data: bytes, name: str = "") -> Image.Image:
    """The picture in these bytes of a stored file, as upright opaque RGB. Raises InputError with the reason."""
    return on_white(decode_stored(data, name or hashlib.sha256(data).hexdigest()[:8]))


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height of what `opened` gives. Raises InputError as it does."""
    return upright_size(data, hashlib.sha256(data).hexdigest()[:8])


def pixels(picture: Image.Image, side: int) -> Tensor:
    """An RGB picture as normalised pixels [3, side, side] in float32."""
    return normalised(picture.resize((side, side), Image.Resampling.BICUBIC))


def normalised(picture: Image.Image) -> Tensor:
    """An RGB picture as pixels [3, height, width] in float32, with CLIP's mean and standard deviation."""
    pixels = np.asarray(picture)  # numpy: on a thread beside the engine, torch's own threads only wait
    x = np.empty((3, *pixels.shape[:2]), np.float32)
    for channel, numbers in enumerate(_NORMALISED):
        np.take(numbers, pixels[..., channel], out=x[channel], mode="clip")
    return torch.from_numpy(x)
