"""The one way from bytes to a text that a person wrote: by its byte order mark, as UTF-8, or in the likeliest
encoding."""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass

from studio.encodings.guess import METADATA, guess_encoding, is_likely
from studio.errors import InputError

_MARKS = (  # UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NAMES = {  # as people know them
    "utf-8": "UTF-8",
    "gb18030": "GB 18030",
    "cp950": "Big5",
    "cp932": "Shift-JIS",
    "euc_jp": "EUC-JP",
    "iso2022_jp": "ISO-2022-JP",
    "cp949": "EUC-KR",
    "cp1251": "Windows-1251",
    "koi8_r": "KOI8-R",
    "cp866": "CP 866",
    "cp1252": "Windows-1252",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
}
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # no text has them
_DAMAGED = 20  # readable characters for one that is not, in a text that is taken all the same


@dataclass(frozen=True)
class Text:
    """A text in NFC with `\\n` at the lines' ends. `guessed` is the name of the encoding where nothing in the bytes
    says it, else empty."""

    text: str
    guessed: str = ""

    def warning(self, name: str) -> InputError | None:
        """What a person should know of how the file `name` was read."""
        if self.guessed:
            return InputError("text_guessed", name=name, encoding=self.guessed)
        return InputError("text_damaged", name=name) if "\ufffd" in self.text else None


def decode_text(data: bytes, name: str) -> Text:
    """The text that these bytes are. Raises InputError, with `name` in its sentence, for what is no text."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return Text(_clean(data.decode(encoding, "replace"), name))
    encoding = _encoding_of(data)
    if encoding not in ("utf-8", "iso2022_jp") and not is_likely(data, encoding):
        raise InputError("text_unreadable", name=name)
    text = _clean(data.decode(encoding, "replace"), name)
    return Text(text, "" if encoding == "utf-8" else _NAMES[encoding])


def decode_words(data: bytes) -> str:
    """A few words of old metadata; where they are no text, something is better than nothing."""
    text = data.decode(guess_encoding(data.rstrip(b"\0"), METADATA), "replace")
    return unicodedata.normalize("NFC", text)


def _encoding_of(data: bytes) -> str:
    if b"\x1b$" in data and data.isascii():
        return "iso2022_jp"
    lenient = data.decode("utf-8", "replace")
    bad = lenient.count("\ufffd")
    if bad and b"\0" not in data and bad * _DAMAGED <= sum(character > "\x7f" for character in lenient) - bad:
        return "utf-8"
    return guess_encoding(data)


def _clean(text: str, name: str) -> str:
    text = text.removeprefix("\ufeff").rstrip("\x1a")  # DOS ended a file with 1A
    if _CONTROLS.search(text) or text.count("\ufffd") * _DAMAGED > max(len(text), _DAMAGED):
        raise InputError("text_unreadable", name=name)
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
