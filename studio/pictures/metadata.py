"""What a picture file says about itself: caption, title, keywords, authors, copyright, and a date.

These stay; everything else in the metadata, above all where the picture was taken, is not carried on. Where several
places say something, the first of these counts, and keywords are taken from all: XMP, which a person wrote last, IPTC,
EXIF, the text of a PNG, the comment of a JPEG or GIF. (A file beside the picture comes before all of them, see
`studio.library.captions`.)
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from PIL import ImageFile

from studio.encodings.text import decode_words
from studio.pictures.old_metadata import ExifWords, read_date, read_exif, read_iptc
from studio.pictures.xmp import Xmp, parse_xmp

_MAX_LENGTH = 500  # characters of a caption
_MAX_SHORT = 200  # of a title, an author, the copyright
_MAX_KEYWORDS, _MAX_KEYWORD, _MAX_AUTHORS = 30, 60, 5  # all of them fit into a frame's header, see `frames`
_XMP_TAG = 700  # TIFF's
# What cameras and programs write by themselves says nothing about the picture.
_EMPTY_WORDS = re.compile(
    r"(?i)(olympus|samsung|sony|nikon|kodak|minolta|default|digital ?camera|dcim|screenshot|created with|edited with"
    r"|untitled|image description|exif|dav|sdr|hdr|mde|rhdr|gimp|lead technologies inc|ascii|\W|\d)*"
)


@dataclass(frozen=True)
class Hints:
    """What was found, each empty where there is nothing. `caption_en` and `caption_zh` are the caption in a language,
    where the file has it in several; `date` is the day it was taken as YYYY-MM-DD."""

    caption: str = ""
    date: str = ""
    title: str = ""
    keywords: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    copyright: str = ""
    caption_en: str = ""
    caption_zh: str = ""

    def fill(self, other: Hints) -> Hints:
        """With what `other` says where this says nothing, and its keywords."""
        filled = {name: getattr(other, name) for name in ("date", "title", "authors", "copyright")}
        if not self.caption:
            filled |= {name: getattr(other, name) for name in ("caption", "caption_en", "caption_zh")}
        missing = {name: value for name, value in filled.items() if not getattr(self, name)}
        return replace(
            self, **missing, keywords=_distinct((*self.keywords, *other.keywords), _MAX_KEYWORDS, _MAX_KEYWORD)
        )


def read_hints(image: ImageFile.ImageFile) -> Hints:
    """The hints in an opened picture. Damaged metadata counts as none."""
    sources: tuple[Callable[[ImageFile.ImageFile], Hints], ...] = (_xmp, _iptc, _exif, _png_text, _comment)
    hints = Hints()
    for source in sources:
        try:
            hints = hints.fill(source(image))
        except Exception:  # noqa: BLE001 - Pillow's metadata readers raise anything; a picture is not refused for that
            continue
    return hints


def hints_of_xmp(data: bytes | str) -> Hints:
    """The hints in an XMP packet or sidecar; none where it is damaged."""
    xmp = parse_xmp(data)
    caption = next(filter(None, map(_tidy, xmp.captions.values())), "")
    spoken = {lang: _in_language(xmp, lang) for lang in ("en", "zh")} if caption else {"en": "", "zh": ""}
    hints = _hints(caption, next(iter(xmp.titles.values()), ""), xmp.keywords, xmp.authors, xmp.rights)
    return replace(hints, caption_en=spoken["en"], caption_zh=spoken["zh"])


def hints_from(header: dict[str, object]) -> Hints:
    """Hints that came out of a decoder process, of which nothing is believed. Raises ValueError, KeyError or TypeError
    for nonsense."""

    def text(name: str) -> str:
        return _tidy(str(header[name]))

    def words(name: str, most: int, length: int) -> tuple[str, ...]:
        values = header[name]
        if not isinstance(values, list):
            raise TypeError(name)
        return _distinct(map(str, values), most, length)

    return Hints(
        text("caption"),
        str(header["date"])[:10],
        text("title"),
        words("keywords", _MAX_KEYWORDS, _MAX_KEYWORD),
        words("authors", _MAX_AUTHORS, _MAX_SHORT),
        text("copyright"),
        text("caption_en"),
        text("caption_zh"),
    )


def _xmp(image: ImageFile.ImageFile) -> Hints:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or getattr(image, "tag_v2", {}).get(_XMP_TAG)
    return hints_of_xmp(bytes(packet) if isinstance(packet, tuple) else packet) if packet else Hints()


def _iptc(image: ImageFile.ImageFile) -> Hints:
    found = read_iptc(image)
    return _hints(found.caption, found.title, found.keywords, found.authors, found.copyright)


def _exif(image: ImageFile.ImageFile) -> Hints:
    exif = image.getexif()
    found: ExifWords = read_exif(exif)
    caption = next(filter(None, map(_tidy, found.captions)), "")
    return replace(_hints(caption, found.title, found.keywords, found.authors, found.copyright), date=read_date(exif))


def _png_text(image: ImageFile.ImageFile) -> Hints:
    text = {str(name): str(value) for name, value in getattr(image, "text", {}).items()}
    caption = text.get("Description") or text.get("Comment", "")
    return _hints(caption, text.get("Title", ""), (), (text.get("Author", ""),), text.get("Copyright", ""))


def _comment(image: ImageFile.ImageFile) -> Hints:
    comment = image.info.get("comment", b"")
    return _hints(decode_words(comment) if isinstance(comment, bytes) else str(comment), "", (), (), "")


def _hints(caption: str, title: str, keywords: Iterable[str], authors: Iterable[str], rights: str) -> Hints:
    """Hints of words as they were found; a title is a caption where there is no other."""
    caption, title = _tidy(caption), _tidy(title)[:_MAX_SHORT]
    return Hints(
        caption or title,
        title=title,
        keywords=_distinct(keywords, _MAX_KEYWORDS, _MAX_KEYWORD),
        authors=_distinct(authors, _MAX_AUTHORS, _MAX_SHORT),
        copyright=_tidy(rights)[:_MAX_SHORT],
    )


def _in_language(xmp: Xmp, language: str) -> str:
    return next((_tidy(text) for lang, text in xmp.captions.items() if lang.split("-")[0] == language), "")


def _distinct(words: Iterable[str], most: int, length: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for raw in words if (word := _tidy(raw)[:length])))[:most]


def _tidy(text: str) -> str:
    plain = "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", text[: 20 * _MAX_LENGTH]))
    words = " ".join(plain.split())[:_MAX_LENGTH]
    return "" if _EMPTY_WORDS.fullmatch(words) else words
