"""How long it takes to take a photo in: in this process, and through a decoder process, which is what the studio does.

`uv run benchmarks/intake.py`. The photos are made here: 12 megapixels of soft colours with noise. Both ways take turns,
so that other work on the machine meets both.
"""

from __future__ import annotations

import io
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import pillow_heif
from PIL import Image

from studio.library.picture_intake import DECODERS, normalise_file
from studio.pictures.normalise import normalise

TURNS = 9


def photos() -> dict[str, bytes]:
    """A photo of 4000 × 3000 in the formats that phones and programs write."""
    pillow_heif.register_heif_opener()
    random = np.random.default_rng(0)
    colours = Image.fromarray(random.integers(0, 256, (75, 100, 3), dtype=np.uint8))
    soft = np.asarray(colours.resize((4000, 3000), Image.Resampling.BICUBIC))
    photo = Image.fromarray(np.clip(soft + random.normal(0, 6, (3000, 4000, 1)), 0, 255).astype(np.uint8))
    return {
        "JPEG": _save(photo, "JPEG", quality=90),
        "HEIF": _save(photo, "HEIF", quality=60),
        "PNG": _save(photo, "PNG", compress_level=1),
        "WebP": _save(photo, "WEBP", quality=80, method=0),
    }


def main() -> None:
    """Print a table, and JSON as its last line."""
    figures = {}
    began = time.perf_counter()
    normalise_file(_save(Image.new("RGB", (8, 8)), "PNG"), "a")
    figures["start of the process"] = time.perf_counter() - began
    print(f"start of the process: {figures['start of the process']:.2f} s")
    for format, data in photos().items():
        direct, through = zip(
            *((_timed(normalise, data), _timed(normalise_file, data, "a")) for _ in range(TURNS)), strict=True
        )
        figures[format] = statistics.median(through)
        row = f"in this process {statistics.median(direct):.3f} s, through a decoder process {figures[format]:.3f} s"
        print(f"{format:5} {len(data) / 1e6:5.1f} MB  {row}")
    DECODERS.close()
    print(json.dumps(figures))


def _timed(call: Callable[..., object], *arguments: object) -> float:
    began = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - began


def _save(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


if __name__ == "__main__":
    main()
