"""Names in zips, as programs of several countries write them."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from studio.library.gather import list_files
from studio.library.zip_names import read_names

CASES = Path(__file__).parents[3] / "shared" / "cases"


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("utf-8", ["北京.jpg", "Grüße aus Köln.jpg"]),
        ("gbk", ["北京.jpg", "朱镕基纪念馆.jpg", "喆喆的照片.jpg"]),
        ("gbk", ["中文照片.png"]),
        ("big5", ["台北夜市.jpg", "淡水老街.jpg"]),
        ("shift_jis", ["東京の写真.jpg", "カメラ.jpg"]),
        ("cp437", ["café.jpg", "Grüße.jpg"]),
        ("cp437", ["Ñandú.jpg", "naïve.png"]),
        ("cp850", ["Château de Chambord.jpg", "Mañana.jpg"]),
        ("euc_kr", ["서울의 밤.jpg", "경복궁.jpg"]),
        ("euc_kr", ["고양이.jpg"]),
        ("cp866", ["Москва.jpg", "кошка на окне.jpg"]),
        ("cp866", ["фото.jpg"]),
        ("cp1251", ["Москва.jpg", "Маяк у моря.jpg"]),
        ("gbk", ["IMG_0001.jpg", "DSC00002.jpg", "小猫.jpg", "readme.txt"]),
        ("gbk", ["照片/2019/西湖.jpg", "photos/lake.jpg"]),
        ("big5", ["album/IMG_1.jpg", "album/龍舟賽.jpg"]),
        ("shift_jis", ["ソース.jpg", "表紙.jpg"]),  # the second byte of these is a backslash
        ("ascii", ["IMG_0001.jpg"]),
    ],
)
def test_the_encoding_is_told_from_all_names(encoding: str, names: list[str]) -> None:
    assert read_names([entry(name.encode(encoding)) for name in names]) == names


def entry(raw: bytes, extra: bytes = b"", flag: int = 0) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(raw.decode("utf-8" if flag else "cp437"))
    made.flag_bits, made.extra = flag, extra
    return made


def unicode_path(raw: bytes, name: str) -> bytes:
    field = b"\1" + struct.pack("<I", zlib.crc32(raw)) + name.encode()
    return struct.pack("<HH", 0x7075, len(field)) + field


def test_flag_and_unicode_field_come_first() -> None:
    assert read_names([entry("猫.png".encode(), flag=0x800), entry("狗.png".encode("gbk"))]) == ["猫.png", "狗.png"]
    assert read_names([entry(b"___.jpg", unicode_path(b"___.jpg", "烤鸭.jpg"))]) == ["烤鸭.jpg"]
    assert read_names([entry(b"new.jpg", unicode_path(b"old.jpg", "烤鸭.jpg"))]) == ["new.jpg"]
    assert read_names([entry(b"a.jpg", b"\x75\x70\xff\xff\1")]) == ["a.jpg"]


def test_letters_of_a_mac_are_put_together() -> None:
    assert read_names([entry("Gru\u0308ße.jpg".encode(), flag=0x800)]) == ["Grüße.jpg"]


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("mac-utf8-noflag", {"北京.jpg", "Grüße aus Köln.jpg", "照片/西湖.jpg", "上海的照片.jpg"}),
        ("chinese-windows-gbk", {"北京.jpg", "朱镕基纪念馆.jpg", "喆喆的照片.jpg"}),
        ("taiwan-big5", {"台北夜市.jpg"}),
        ("japan-sjis", {"東京の写真.jpg"}),
        ("winrar-unicode-extra", {"北京烤鸭.jpg"}),
    ],
)
@pytest.mark.skipif(not CASES.is_dir(), reason="the collected cases are not on this machine")
def test_archives_that_people_reported(file: str, names: set[str]) -> None:
    assert {found.name for found in list_files([CASES / f"{file}.zip"])} == names
