"""Files that hold a text: which kind one is, and where its pictures are."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable
from pathlib import Path

from studio.documents.article import Article, Picture
from studio.encodings.text import decode_text
from studio.errors import InputError
from studio.language import language_of
from studio.library.picture_intake import NormalisedPicture, normalise_file
from studio.manuscript.archive import read_archive
from studio.manuscript.markdown_text import read_markdown
from studio.manuscript.plain_text import plain_to_markdown
from studio.manuscript.word_text import is_word, read_word
from studio.pictures.cost import MAX_FILE_BYTES
from studio.storage.regular_file import read_regular

SUFFIXES = (".md", ".markdown", ".txt", ".docx", ".zip")
Keep = Callable[[NormalisedPicture], str]  # keeps a picture and gives its key
ReadBeside = Callable[[str], bytes]  # the bytes of a picture by what the text says of it
_OLD_WORD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_INSIDE = re.compile(r"data:image/[\w.+-]+;base64,([A-Za-z0-9+/=]+)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|[/\\]{2}")


def open_manuscript(path: Path, keep: Keep) -> Article:
    """The article that a file is, with the pictures that lie beside it. Raises NotFoundError and InputError."""
    data = read_regular(path, MAX_FILE_BYTES)
    return read_manuscript(data, path.name, keep, lambda source: _read_beside(path.parent, source))


def read_manuscript(data: bytes, name: str, keep: Keep, beside: ReadBeside | None = None) -> Article:
    """The article that the bytes of a file called `name` are. Without `beside` only the pictures inside are there.
    Raises InputError."""
    if data.startswith(_OLD_WORD):
        raise InputError("word_old", name=name)

    def take(picture: bytes, called: str) -> Picture:
        return Picture(keep(normalise_file(picture, called)), Path(called).stem)

    if is_word(data):
        return read_word(data, name, take)
    if data.startswith(b"PK"):
        return read_archive(data, name, take)
    found = decode_text(data, name)
    text = plain_to_markdown(found.text) if Path(name).suffix.lower() == ".txt" else found.text
    inside: list[str] = []  # pictures written into the text: far longer than any line that is read

    def shorten(mark: re.Match[str]) -> str:
        inside.append(mark[1])
        return f"inside:{len(inside)}"

    def find(source: str) -> Picture:
        if (number := source.removeprefix("inside:")) != source and number.isdigit() and int(number) <= len(inside):
            return take(_decode(inside[int(number) - 1]), f"{Path(name).stem} {number}")
        return take(_find(source, beside), re.split(r"[/\\]", source)[-1])

    article = read_markdown(_INSIDE.sub(shorten, text), find, Path(name).stem)
    warning = found.warning(name)
    return article.with_note(warning.say(language_of(text))) if warning else article


def _decode(body: str) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as e:
        raise InputError("picture_unknown", name=body[:40]) from e


def _find(source: str, beside: ReadBeside | None) -> bytes:
    """The bytes of a picture that a text shows."""
    if _SCHEME.match(source):
        raise InputError("picture_elsewhere", name=source[:200])
    if beside is None:
        raise InputError("picture_not_along", name=source[:200])
    return beside(source)


def _read_beside(folder: Path, source: str) -> bytes:
    """A picture in the folder of the text or below. What a text names elsewhere is not read: it may be somebody
    else's text, and what it shows is going to be passed on."""
    home = os.path.realpath(folder)
    path = os.path.realpath(os.path.join(home, re.split(r"[?#]", source)[0].replace("\\", "/")))
    if os.path.commonpath((home, path)) != home:
        raise InputError("picture_outside", name=source[:200])
    if not os.path.isfile(path):
        raise InputError("picture_not_beside", name=source[:200])
    return read_regular(Path(path), MAX_FILE_BYTES)
