"""The words for a picture that is taken in: where they come from, and which of several count.

In this order: a text beside the picture (NAME.jpg.txt, NAME.txt, NAME.md), an XMP sidecar (NAME.jpg.xmp, NAME.xmp),
what the file says of itself (XMP, IPTC, EXIF: see `studio.pictures.metadata`), a file name that tells something.
Keywords are taken from all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from studio.encodings.text import decode_text
from studio.errors import InputError, Language, StudioError
from studio.library.gather import File, file_at
from studio.pictures.metadata import Hints, hints_of_xmp
from studio.pictures.xmp import MAX_XMP_BYTES

_MAX_TEXT = 500  # characters of a text beside a picture
_TEXTS, _XMP = (".txt", ".md"), ".xmp"
_HAN = re.compile(r"[\u4e00-\u9fff]")

Sidecars = Mapping[str, File]


@dataclass(frozen=True)
class PictureWords:
    """What the library keeps about a picture; `caption` is empty where nothing says anything. `warning` says how a text
    beside it was read, where that was a guess."""

    title: str
    caption: str
    hints: Hints
    warning: InputError | None = None

    def entry(self, caption: str) -> dict[str, Any]:
        """As `picture_rows.put` takes it, with `caption` where the picture had none."""
        same = self.caption or caption
        spoken: dict[Language, str] = {"en": self.hints.caption_en, "zh": self.hints.caption_zh}
        captions = {lang: same if same != self.hints.caption else text or same for lang, text in spoken.items()}
        words = [*self.hints.keywords, *self.hints.authors]
        title = {"en": self.title, "zh": self.title}
        return {"title": title, "caption": captions, "tags": {"en": words, "zh": words}}

    def credit(self, name: str) -> str:
        """The file's name, and whose picture it is."""
        return " · ".join(filter(None, (name, ", ".join(self.hints.authors), self.hints.copyright)))


def find_sidecars(files: tuple[File, ...]) -> dict[str, File]:
    """The files that may stand beside a picture, by their names in small letters."""
    return {file.name.lower(): file for file in files if file.name.lower().endswith((*_TEXTS, _XMP))}


def sidecars_beside(path: Path) -> dict[str, File]:
    """The same for a single picture of this machine."""
    names = (path.name + end if whole else path.stem + end for whole in (True, False) for end in (*_TEXTS, _XMP))
    beside = (path.with_name(name) for name in names)
    return {place.name.lower(): file_at(place, place.name) for place in beside if place.is_file()}


def files_beside(file: File, sidecars: Sidecars) -> list[File]:
    """The files that may have words for this one, the most deliberate first."""
    return [*_beside(file, sidecars, _TEXTS), *_beside(file, sidecars, (_XMP,))]


def words_of(file: File, hints: Hints, sidecars: Sidecars) -> PictureWords:
    """What is known of a picture. A file beside it that cannot be read counts as none."""
    text, warning = _text_beside(file, sidecars)
    for xmp in _beside(file, sidecars, (_XMP,)):
        with suppress(StudioError):
            hints = _read_xmp(xmp).fill(hints)
            break
    stem = PurePosixPath(file.name).stem
    return PictureWords(hints.title or stem, text or hints.caption or telling_name(stem), hints, warning)


def telling_name(stem: str) -> str:
    """A file name as a caption, unless it is a camera's number or a hash."""
    words = re.sub(r"[_\-.+]+", " ", stem).strip()
    letters = re.sub(r"[\W\d_]", "", words)
    dull = re.fullmatch(
        r"(?i)(img|dsc|dscn|dscf|pxl|mvimg|image|photo|picture|screenshot|wechat|mmexport|p|wx)[\d ]*", words
    )
    hashed = re.fullmatch(r"[0-9a-fA-F ]{8,}", words)
    short = len(letters) < (2 if _HAN.search(letters) else 3)
    return "" if dull or hashed or short else words


def _beside(file: File, sidecars: Sidecars, ends: tuple[str, ...]) -> list[File]:
    name = file.name.lower()
    stem = name.rpartition(".")[0] if "." in PurePosixPath(name).name else name
    candidates = [sidecars.get(base + end) for base in (name, stem) for end in ends]
    return [found for found in candidates if found]


def _text_beside(file: File, sidecars: Sidecars) -> tuple[str, InputError | None]:
    for beside in _beside(file, sidecars, _TEXTS):
        with suppress(StudioError):  # something that is no text
            found = decode_text(beside.read(MAX_XMP_BYTES), beside.name)
            if words := " ".join(found.text.split())[:_MAX_TEXT]:
                return words, found.warning(beside.name)
    return "", None


def _read_xmp(beside: File) -> Hints:
    data = beside.read(MAX_XMP_BYTES)
    found = hints_of_xmp(data)
    return found if found != Hints() else hints_of_xmp(decode_text(data, beside.name).text)
