"""Words as they are indexed and searched: one form for all ways to write the same, in any script.

Width, case, accents and the two Chinese forms are folded. Words between spaces are tokens; scripts that are written
without spaces, and Korean, whose particles follow the noun without one, give tokens of one and two characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

VERSION = "1"  # of everything here: the index is made anew when it changes
_MOST = 120  # tokens of a query, so that a long text does not search for ever
STOP_WORDS = frozenset(
    "a an and are as at be been but by for from had has have he her his i in into is it its not of on or our she that "
    "the their them there they this to was we were what when which who will with you your".split()
)
_STOP_HAN = "的了着是在与和及也都很被把之一个只们这那有为就不我你他她它のを"  # say nothing about what a picture shows
# Accents of Latin, Greek and Cyrillic; vowel signs of Hebrew and Arabic, which most texts leave out.
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u0652]")
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "ð": "d", "þ": "th"})
_KATAKANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_UNSPACED = re.compile(  # Thai, Lao, Burmese, Khmer; kana, Han, Hangul
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3005\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]"
)
_INFLECTED = re.compile("[\u0370-\u052f]{5,}")  # Greek and Cyrillic words, which have many endings


@dataclass(frozen=True)
class Query:
    """What a text asks the index for, as FTS5's phrases: `words` and pairs of characters; and single `characters` of
    Han, which say less."""

    words: tuple[str, ...]
    characters: tuple[str, ...]


def fold(text: str) -> str:
    """The one form of a text."""
    wide = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    plain = unicodedata.normalize("NFC", _ACCENTS.sub("", wide))
    return plain.translate(_LETTERS).translate(_KATAKANA).translate(_simplified())


def index_text(text: str) -> str:
    """The tokens of a text, to be indexed, with spaces between them."""
    tokens: list[str] = []
    for run, unspaced in _runs(fold(text)):
        tokens += [*run, *_pairs(run)] if unspaced else [run]
    return " ".join(tokens)


def parse_query(text: str) -> Query:
    """What to search for."""
    words: list[str] = []
    characters: list[str] = []
    for run, unspaced in _runs(fold(text)):
        if not unspaced:
            words += [_prefix(run)] if run not in STOP_WORDS else []
            continue
        for part in filter(None, re.split(f"[{_STOP_HAN}]", run)):
            words += _pairs(part) if len(part) > 1 else [f'"{part}"']
            characters += (c for c in part if "\u3400" <= c <= "\u9fff")
    return Query(*(tuple(dict.fromkeys(map(_quoted, tokens)))[:_MOST] for tokens in (words, characters)))


def _prefix(word: str) -> str:
    """A word without its ending, where one is to be expected: FTS5's stemmer knows English only."""
    return f'"{word[: -2 if len(word) > 6 else -1]}" *' if _INFLECTED.fullmatch(word) else word


def _quoted(token: str) -> str:
    return token if token.startswith('"') else f'"{token}"'


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)]


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    """Runs of letters, digits and their marks, and whether they are of a script without spaces."""
    run, unspaced = "", False
    for character in text:
        if unicodedata.category(character)[0] not in "LNM":
            if run:
                yield run, unspaced
            run = ""
            continue
        now = bool(_UNSPACED.match(character))
        if run and now != unspaced:
            yield run, unspaced
            run = ""
        run, unspaced = run + character, now
    if run:
        yield run, unspaced


@cache
def _simplified() -> dict[int, str]:
    """Traditional and Japanese forms of a Han character → the simplified one, of OpenCC's tables. Character by
    character, as both sides are folded: a conversion that looks at the words around would fold them differently."""
    folder = files("opencc").joinpath("dictionary")

    def read(name: str) -> list[list[str]]:
        lines = folder.joinpath(name).read_text("utf-8").splitlines()
        return [line.split() for line in lines if line and not line.startswith("#")]

    table = {old: new[0] for old, *new in read("TSCharacters.txt")}
    for old, *new in read("JPVariants.txt"):
        for form in new:
            table.setdefault(form, table.get(old, old))
    return {ord(old): new for old, new in table.items() if len(old) == 1}
