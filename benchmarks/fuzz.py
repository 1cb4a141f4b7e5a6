"""Damaged picture files and zips, thousands of them: each must be taken or refused with a sentence, within its budget.

`uv run benchmarks/fuzz.py --files 10000 --seed 1`. Seeds are made at the start, in every format that is taken; each
file is a seed that was changed: bits flipped, cut off, lengths and sizes in its header made extreme, pieces doubled or
taken from another file. It prints what was taken and refused, how often a decoder process crashed, and the most seconds
and memory that a file took; it ends with 1 when a file ended in anything but a picture or a sentence.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import random
import struct
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import ExifTags, Image

from studio.errors import StudioError
from studio.library import gather
from studio.library.picture_intake import DECODERS, normalise_file
from studio.pictures.cost import MEMORY, SECONDS
from studio.pictures.decoder_client import Decoder
from studio.pictures.frames import Header

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
# What a decoder process says when it lacks something that it should have loaded before it gave up its rights.
UNPREPARED = ("open files", "No module", "unknown encoding")


@dataclass
class Report:
    """What came of all files."""

    outcomes: Counter[str] = field(default_factory=Counter)
    by_format: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)  # neither a picture nor a sentence
    wall: float = 0.0
    cpu: float = 0.0
    peak: int = 0

    def add(self, format: str, outcome: str, seconds: float, wrong: str) -> None:
        """Count one file."""
        self.wrong += [f"{format}: {wrong}"] if wrong else []
        self.outcomes[outcome] += 1
        self.by_format.setdefault(format, Counter())["taken" if outcome == "taken" else "refused"] += 1
        self.wall = max(self.wall, seconds)


def seeds() -> dict[str, list[bytes]]:
    """Files of every format and of several kinds of each, small so that ten thousand take minutes."""
    pillow_heif.register_heif_opener()
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    photo = Image.fromarray(noise).resize((160, 120), Image.Resampling.BICUBIC)
    clear = photo.convert("RGBA")
    clear.putalpha(photo.convert("L"))
    grey16 = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription], exif[ExifTags.Base.Orientation] = "A red fox", 6
    page, grey = photo.quantize(64), photo.convert("L")
    more = {"save_all": True, "append_images": [photo.rotate(180), photo.rotate(90)]}
    clear_too = {"save_all": True, "append_images": [clear.rotate(180)]}
    packed = [_save(photo, "TIFF", compression=name) for name in ("raw", "tiff_lzw", "tiff_deflate", "jpeg")]
    deep = [_save(photo.convert("F"), "TIFF"), _save(grey.convert("I"), "TIFF", **more)]
    made = {
        "JPEG": [_save(photo, "JPEG", exif=exif), _save(photo, "JPEG", progressive=True)],
        "PNG": [_save(photo, "PNG"), _save(clear, "PNG", exif=exif), _save(page, "PNG"), _save(photo, "PNG", **more)],
        "WebP": [_save(photo, "WEBP", exif=exif), _save(clear, "WEBP", lossless=True), _save(photo, "WEBP", **more)],
        "GIF": [_save(photo, "GIF"), _save(photo, "GIF", **more)],
        "BMP": [_save(photo, "BMP"), _save(page, "BMP")],
        "TIFF": packed,
        "TIFF deep": [_save(grey16, "TIFF", compression="tiff_deflate"), *deep],
        "HEIF": [_save(photo, "HEIF", exif=exif.tobytes()), _save(clear, "HEIF", **clear_too)],
        "AVIF": [_save(photo, "AVIF"), _save(clear, "AVIF", **clear_too)],
        "MPO": [_save(photo, "MPO", **more)],
        "zip": [_zip(_save(photo, "JPEG"), _save(clear, "PNG"))],
    }
    made["JPEG"].append(_save(photo.convert("CMYK"), "JPEG"))
    made["PNG"].append(_save(grey16, "PNG"))
    return made


def mutations(random: random.Random) -> list[Callable[[bytearray, bytes], None]]:
    """Ways to change a file in place; the second argument is another file."""

    def flip(data: bytearray, _: bytes) -> None:
        for _ in range(random.randint(1, 24)):
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)

    def cut(data: bytearray, _: bytes) -> None:
        del data[random.randrange(1, len(data)) :]

    def make_extreme(data: bytearray, _: bytes) -> None:
        for _ in range(random.randint(1, 3)):
            place, value = random.randrange(min(len(data), random.choice((64, 400)))), random.choice(EXTREMES)
            layout = random.choice(("<I", ">I", "<H", ">H"))
            data[place : place + struct.calcsize(layout)] = struct.pack(
                layout, value & 0xFFFFFFFF >> 16 * ("H" in layout)
            )

    def double(data: bytearray, _: bytes) -> None:
        start = random.randrange(len(data))
        piece = data[start : start + random.choice((4, 64, 1024))]
        place = random.randrange(len(data))
        data[place:place] = piece * random.choice((1, 1, 50))

    def splice(data: bytearray, other: bytes) -> None:
        start = random.randrange(len(other))
        piece = other[start : start + random.choice((16, 256, 4096))]
        place = random.randrange(len(data))
        data[place : place + len(piece)] = piece

    return [flip, flip, cut, make_extreme, make_extreme, double, splice]


def files(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """(format, bytes) of so many damaged files, the same for the same seed and versions."""
    made, rng = seeds(), random.Random(seed)
    everything = [data for kinds in made.values() for data in kinds]
    changes = mutations(rng)
    for number in range(count):
        format = list(made)[number % len(made)]
        data = bytearray(rng.choice(made[format]))
        for change in rng.sample(changes, rng.choice((1, 1, 1, 2, 3))):
            change(data, rng.choice(everything))
        yield format, bytes(data)


def main() -> int:
    """Run; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    report, started = Report(), time.monotonic()
    _record(report)
    cases = files(asked.files, asked.seed)
    with ThreadPoolExecutor(2) as pool:
        while batch := list(itertools.islice(cases, 500)):
            for result in pool.map(lambda case: try_one(*case), batch):
                report.add(*result)
            print(f"{report.outcomes.total():,} files, {time.monotonic() - started:.0f} s", file=sys.stderr)
    DECODERS.close()
    _print(report, time.monotonic() - started)
    return 1 if report.wrong or report.peak > MEMORY or report.cpu > SECONDS else 0


def try_one(format: str, data: bytes) -> tuple[str, str, float, str]:
    """(format, "taken" or a sentence's key, seconds, what is wrong with that or "")."""
    began, wrong = time.monotonic(), ""
    try:
        if format == "zip":
            _open_zip(data)
        else:
            normalise_file(data, "a")
        outcome = "taken"
    except StudioError as e:
        outcome = e.key
        if not (e.say("en") and e.say("zh")) or any(words in e.say() for words in UNPREPARED):
            wrong = e.say()
    except Exception as e:  # noqa: BLE001 - this is what is looked for
        outcome, wrong = "no sentence", f"{type(e).__name__}: {e}"
    return format, outcome, time.monotonic() - began, wrong


def _record(report: Report) -> None:
    """Have every decoder tell its time and memory."""
    ask = Decoder.ask

    def recorded(self: Decoder, data: bytes, seconds: float) -> tuple[Header, bytes]:
        header, made = ask(self, data, seconds)
        report.peak, report.cpu = max(report.peak, header["peak"]), max(report.cpu, header["cpu"])
        return header, made

    Decoder.ask = recorded  # type: ignore[method-assign]


def _open_zip(data: bytes) -> None:
    """Raises the first refusal of a file in it."""
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        file.write(data)
        file.flush()
        for _, taken in gather.normalise_files(gather.list_files([Path(file.name)])):
            if isinstance(taken, gather.Refused):
                raise taken.error


def _print(report: Report, seconds: float) -> None:
    for format, counts in report.by_format.items():
        print(f"{format:10} taken {counts['taken']:5}  refused {counts['refused']:5}")
    for outcome, count in report.outcomes.most_common():
        print(f"{count:6} {outcome}")
    peak = f"its process {report.peak / 1e6:.0f} MB"
    print(f"{seconds:.0f} s in all; one file at most {report.wall:.2f} s, {report.cpu:.2f} s of CPU, {peak}")
    for line in report.wrong[:20]:
        print(f"NO SENTENCE  {line}")
    summary = {"crashes": report.outcomes["picture_crashed"], "no_sentence": len(report.wrong)}
    print(json.dumps({"files": report.outcomes.total(), **summary, "outcomes": report.outcomes}))


def _save(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def _zip(*pictures: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, data in enumerate(pictures):
            archive.writestr(f"album/图{number}.png", data)
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main())
