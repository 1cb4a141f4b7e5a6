"""Which encoding some bytes are in when nothing says it: files, names in a zip, captions in old metadata.

Detectors made for web pages need a paragraph; a caption has four characters. So every candidate decodes the bytes, and
the text that is likeliest as a text wins: frequent characters of one script against rare ones of several. Costs are
about -ln(probability), so that a character of two bytes competes with two letters of one byte.

`common_characters.txt` has a line each for Han, Hangul, kana, Cyrillic and accented Latin letters, the most frequent
first. It was counted from the vocabulary of the Universal Sentence Encoder (Apache-2.0), pieces weighted by their
probability. Han that an encoding lacks do not count in it, so the simplified, traditional and Japanese orders differ.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

Script = Literal["han", "hangul", "kana", "cyrillic", "latin"]
_SCRIPTS: tuple[Script, ...] = ("han", "hangul", "kana", "cyrillic", "latin")
_SAMPLE_BYTES = 4096  # that are looked at
_RARE, _FOREIGN, _IMPOSSIBLE = 13.0, 15.0, 30.0  # costs of a character: not listed, of another script, no character
_ASCII, _SYMBOL = 3.0, 7.0  # letters, digits and what stands between them; signs that are rare in a text
_NOISE = 7.0  # for a byte: the rarest Chinese costs 6.5, a Western text 4; UTF-16 has more bytes
_CASE, _ALPHABETS = 6.0, 10.0  # a capital letter inside a word; letters of two alphabets in one
_PUNCTUATION = "，。、！？：；「」『』《》（）・ー…—　"
_QUOTES = "’‘“”–—…«»°€·"


@dataclass(frozen=True)
class Candidate:
    """An encoding, the scripts that are usual in it with what each adds to the cost of its characters, and how much
    less likely than Chinese Windows it is from the start."""

    encoding: str
    scripts: tuple[tuple[Script, float], ...]
    prior: float


GB18030 = Candidate("gb18030", (("han", 2.3),), 0.0)
BIG5 = Candidate("cp950", (("han", 2.3),), 1.5)
SHIFT_JIS = Candidate("cp932", (("kana", 0.6), ("han", 3.0)), 1.5)
EUC_JP = Candidate("euc_jp", (("kana", 0.6), ("han", 3.0)), 4.0)
EUC_KR = Candidate("cp949", (("hangul", 1.6),), 2.5)
UTF_8 = Candidate("utf-8", (("cyrillic", 2.0), ("latin", 2.0)), -2.0)
CP1251 = Candidate("cp1251", (("cyrillic", 1.0),), 2.0)
KOI8 = Candidate("koi8_r", (("cyrillic", 1.0),), 6.0)
CP866 = Candidate("cp866", (("cyrillic", 1.0),), 3.0)
CP1252 = Candidate("cp1252", (("latin", 2.0),), 1.0)
CP437 = Candidate("cp437", (("latin", 2.0),), 0.0)
CP850 = Candidate("cp850", (("latin", 2.0),), 1.0)
UTF_16 = tuple(
    Candidate(name, (("han", 2.8), ("kana", 2.0), ("hangul", 3.0), ("cyrillic", 3.0)), 6.0)
    for name in ("utf-16-le", "utf-16-be")
)
TEXTS = (GB18030, BIG5, SHIFT_JIS, EUC_KR, CP1251, EUC_JP, KOI8, CP866, CP1252, *UTF_16)
ZIP_NAMES = (GB18030, BIG5, SHIFT_JIS, EUC_KR, CP866, CP1251, EUC_JP, CP437, CP850, CP1252)
METADATA = (GB18030, BIG5, SHIFT_JIS, EUC_KR, CP1251, CP1252)


def guess_encoding(data: bytes, candidates: Sequence[Candidate] = TEXTS) -> str:
    """The likeliest encoding of these bytes, of equal ones the first candidate's; UTF-8 where they fit it, unless that
    is chance."""
    if b"\0" in data:
        candidates = UTF_16
    elif _is_utf_8(data):
        if _surely_utf_8(data):
            return UTF_8.encoding
        candidates = (UTF_8, *candidates)
    sample = _sample(data)
    return min(candidates, key=lambda candidate: _cost(sample, candidate)).encoding


def is_likely(data: bytes, encoding: str) -> bool:
    """Whether a text could be as unusual as these bytes are in this encoding; noise is not."""
    sample = _sample(data)
    candidate = next(candidate for candidate in TEXTS if candidate.encoding == encoding)
    limit = 0.85 * _NOISE if candidate in UTF_16 else _NOISE
    return _cost(sample, candidate) <= limit * max(1, len(sample)) + candidate.prior


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _surely_utf_8(data: bytes) -> bool:
    """A few characters of two bytes each can be Chinese by chance: 山 in GBK is ɽ in UTF-8."""
    beyond = [byte for byte in data if byte > 127]
    return not beyond or len(beyond) > 12 or max(beyond) >= 0xE0


def _cost(data: bytes, candidate: Candidate) -> float:
    """How unlikely it is that these bytes are a text in this encoding."""
    text = data.decode(candidate.encoding, "replace")
    of = _costs(candidate)
    total = sum(of(character) * count for character, count in Counter(text).items())
    return candidate.prior + total + _misfits(text, candidate)


def _sample(data: bytes) -> bytes:
    """Lines that have something beyond ASCII, as many as are looked at."""
    if b"\0" in data:  # two bytes a character: lines cannot be told from bytes
        return data[:_SAMPLE_BYTES]
    lines = (line for line in data[: 64 * _SAMPLE_BYTES].splitlines() if not line.isascii())
    kept: list[bytes] = []
    room = _SAMPLE_BYTES
    for line in lines:
        kept.append(line[:room])
        room -= len(line)
        if room <= 0:
            break
    return b"\n".join(kept)


def _misfits(text: str, candidate: Candidate) -> float:
    """Capitals inside words and neighbouring letters of two alphabets: what letters of one byte become in the wrong
    alphabet."""
    if candidate.scripts[0][0] not in ("cyrillic", "latin"):
        return 0.0
    repeated = _ALPHABETS * len(re.findall(r"([^\x00-\x7f])\1\1", text))  # as in a file of numbers
    inside = len(re.findall(r"[a-zà-öø-ÿа-яё][A-ZÀ-ÖØ-ÞА-ЯЁ]", text))
    if candidate.scripts[0][0] == "cyrillic":
        return repeated + _CASE * inside + _ALPHABETS * len(re.findall(r"[A-Za-zÀ-ɏ][А-яЁё]|[А-яЁё][A-Za-zÀ-ɏ]", text))
    return repeated + _CASE * (inside + len(re.findall(r"(?=[^\x00-\x7f’‘“”–—…«»][^\x00-\x7f’‘“”–—…«»])", text)))


@cache
def _costs(candidate: Candidate) -> Callable[[str], float]:
    """The cost of a character in this encoding."""
    listed: dict[str, float] = {}
    for script, extra in candidate.scripts:
        known = [c for c in _characters()[script] if _has(candidate.encoding, c)]
        start = 10 if script in ("han", "hangul") else 3
        listed |= {c: math.log(rank + start) + extra for rank, c in enumerate(known)}
    wide = candidate.scripts[0][0] not in ("cyrillic", "latin")
    listed |= dict.fromkeys(_PUNCTUATION if wide else _QUOTES, 10.0 if candidate is EUC_KR else 5.0)

    def of(character: str) -> float:
        if character < "\x80":
            if character < " " and character not in "\t\n\r\f":
                return _IMPOSSIBLE
            return _SYMBOL if character in "\\@[]^`{|}~$\x7f" else _ASCII
        if character in listed:
            return listed[character]
        if character < "\xa0" or character == "\ufffd" or "\ue000" <= character <= "\uf8ff":
            return _IMPOSSIBLE
        if wide and "\u4e00" <= character <= "\u9fff":
            return _RARE
        if wide and "\uac00" <= character <= "\ud7a3":
            return _RARE + 1  # syllables that hardly any word has
        if candidate is UTF_8 and "\u0370" <= character <= "\u06ff" and not "\u0400" <= character <= "\u052f":
            return 5.0  # Greek, Hebrew, Arabic, each of few letters
        return _FOREIGN if wide or candidate is UTF_8 else _RARE - 3

    return cache(of)


@cache
def _characters() -> dict[Script, str]:
    lines = files("studio.encodings").joinpath("common_characters.txt").read_text("utf-8").splitlines()
    return dict(zip(_SCRIPTS, lines, strict=True))


def _has(encoding: str, character: str) -> bool:
    try:
        character.encode("gb2312" if encoding == "gb18030" else encoding)
    except UnicodeEncodeError:
        return False
    return True
