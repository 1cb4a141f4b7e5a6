"""Pictures for the ViT: from the bytes of a file to upright, opaque RGB, and from there to normalised pixels.

Files come in every shape: turned by EXIF, CMYK, 16 bits a channel, transparent, animated. Each becomes what a viewer
would show: upright, on white, the first frame. XComposer2 then wants a square by bicubic resampling, aspect not kept.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from studio.errors import InputError

MEAN = (0.48145466, 0.4578275, 0.40821073)  # CLIP's
STD = (0.26862954, 0.26130258, 0.27577711)
MOST_PIXELS = 200_000_000  # about 600 MB as RGB; a small file can claim to be larger than any memory


def opened(data: bytes, name: str = "") -> Image.Image:
    """The picture in these bytes of a file, as upright opaque RGB. Raises InputError with the reason."""
    name = name or hashlib.sha256(data).hexdigest()[:8]
    if not data:
        raise InputError("picture_empty", name=name)
    _know_heic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data))
            if picture.width * picture.height > MOST_PIXELS:
                raise InputError(
                    "picture_too_large", name=name, pixels=picture.width * picture.height, limit=MOST_PIXELS
                )
            picture.load()
    except Image.DecompressionBombError as e:
        said = int("".join(re.findall(r"\((\d+) pixels", str(e))) or 0)  # "Image size (400000000 pixels) exceeds …"
        raise InputError("picture_too_large", name=name, pixels=said, limit=MOST_PIXELS) from e
    except UnidentifiedImageError as e:
        raise InputError("picture_unreadable", name=name, cause="unknown format") from e
    except (OSError, SyntaxError, ValueError, EOFError, IndexError) as e:
        if "truncated" in str(e) or "end of file" in str(e).lower():
            raise InputError("picture_truncated", name=name) from e
        raise InputError("picture_unreadable", name=name, cause=str(e)) from e
    ImageOps.exif_transpose(picture, in_place=True)
    return _rgb(picture)


def pixels(picture: Image.Image, side: int) -> Tensor:
    """An RGB picture as normalised pixels [3, side, side] in float32."""
    return normalised(picture.resize((side, side), Image.Resampling.BICUBIC))


def normalised(picture: Image.Image) -> Tensor:
    """An RGB picture as pixels [3, height, width] in float32, with CLIP's mean and standard deviation."""
    x = np.array(picture).astype(np.float32)  # numpy: on a thread beside the engine, torch's own threads only wait
    x /= np.float32(255)
    x -= np.array(MEAN, np.float32)
    x /= np.array(STD, np.float32)
    return torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)))


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith(("I", "F")):
        return _eight_bits(picture).convert("RGB")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits, scaled. Pillow's own conversion would clip nearly everything to white."""
    values = np.asarray(picture).astype(np.float64)
    values = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    most = values.max(initial=0.0)
    if picture.mode.startswith("I;16") or (picture.mode == "I" and 255 < most <= 65535):
        values = values / 257
    elif most <= 1.0:  # floating point pictures count from 0 to 1
        values = values * 255
    elif most > 65535:
        values = values * (255 / most)
    return Image.fromarray(values.clip(0, 255).round().astype(np.uint8))


def _know_heic() -> None:
    if "HEIF" in Image.OPEN:
        return
    from pillow_heif import register_heif_opener

    register_heif_opener()
