"""The one reader of texts, over bytes and over files."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

import pytest

from studio.encodings.text import decode_text
from studio.errors import InputError
from studio.storage.text_files import MAX_TEXT_BYTES, read_text_file

CASES = Path(__file__).parents[3] / "shared" / "cases"
OUTLINE = "第一章 沿湖的步道\n第二章 灯塔\n"


@pytest.mark.parametrize(
    ("data", "guessed"),
    [
        (OUTLINE.encode(), ""),
        (OUTLINE.encode("utf-8-sig"), ""),
        (OUTLINE.encode("utf-16"), ""),
        (codecs.BOM_UTF16_BE + OUTLINE.encode("utf-16-be"), ""),
        (OUTLINE.encode("utf-32"), ""),
        (OUTLINE.encode("gb18030"), "GB 18030"),
        (OUTLINE.replace("\n", "\r\n").encode("gbk") + b"\x1a", "GB 18030"),
        (OUTLINE.replace("\n", "\r").encode(), ""),
    ],
)
def test_one_text_whatever_wrote_it(data: bytes, guessed: str) -> None:
    found = decode_text(data, "o.txt")
    assert (found.text, found.guessed) == (OUTLINE, guessed)


def test_letters_and_their_accents_are_put_together() -> None:
    assert decode_text("cafe\u0301 한국 が".encode(), "x").text == "café 한국 が"


def test_what_was_guessed_is_said_in_both_languages() -> None:
    warning = decode_text("前言：春天的茶园".encode("gbk"), "o.txt").warning("o.txt")
    assert warning and "GB 18030" in warning.say("en") and "GB 18030" in warning.say("zh")
    assert decode_text("前言".encode(), "o.txt").warning("o.txt") is None


def test_a_mail_of_japan() -> None:
    found = decode_text("はじめに".encode("iso2022_jp"), "x")
    assert (found.text, found.guessed) == ("はじめに", "ISO-2022-JP")


def test_one_damaged_place_does_not_change_the_encoding() -> None:
    text = OUTLINE * 20
    data = bytearray(text.encode())
    data[len(data) // 2] = 0xFF
    found = decode_text(bytes(data[:-1]), "x")
    assert found.text.startswith(OUTLINE) and found.text.count("\ufffd") in (1, 2, 3) and not found.guessed
    assert found.warning("x.txt") and "x.txt" in found.warning("x.txt").say()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "data",
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", bytes(range(256)), b"\0" * 50, b"PK\x03\x04\x14\0\0\0\x08\0", b"\xff" * 9],
)
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        decode_text(data, "noise.txt")
    assert caught.value.key == "text_unreadable"


def test_a_file_is_bounded_and_ordinary(tmp_path: Path) -> None:
    huge = tmp_path / "huge.txt"
    huge.touch()
    os.truncate(huge, 1 << 30)  # takes no room on the disk
    for path, key in ((huge, "file_too_large"), (tmp_path, "file_not_regular")):
        with pytest.raises(InputError) as caught:
            read_text_file(path)
        assert caught.value.key in (key, "file_unreadable")
    (tmp_path / "empty.txt").touch()
    assert read_text_file(tmp_path / "empty.txt").text == ""
    assert MAX_TEXT_BYTES <= 64 << 20


@pytest.mark.skipif(not CASES.is_dir(), reason="the collected cases are not on this machine")
@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("outline-gbk.txt", "第一章 秋天的茶路"),
        ("pictures/DSC00013.txt", "黄山日出云海"),
        ("pictures/DSC00014.txt", "Lantern fair"),
        ("pictures/DSC00015.txt", "元宵节的花灯"),
    ],
)
def test_files_that_people_reported(file: str, words: str) -> None:
    assert read_text_file(CASES / file).text.strip() == words
