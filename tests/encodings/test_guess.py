"""Guessing an encoding: short texts as people write them, in every encoding that was usual where they live."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.encodings.guess import METADATA, TEXTS, ZIP_NAMES, Candidate, guess_encoding

PICTURES = Path(__file__).parents[2] / "assets" / "pictures"
ENTRIES = [entry for file in sorted(PICTURES.glob("catalog*.json")) for entry in json.loads(file.read_text("utf-8"))]
SIMPLIFIED = [entry[part]["zh"] for entry in ENTRIES for part in ("title", "caption")]
TRADITIONAL = (
    "台北夜市 淡水老街 日月潭的清晨 阿里山日出 我的家鄉 維多利亞港 媽媽煮的牛肉麵 全家福 畢業典禮 龍舟競賽 前言".split()
)
JAPANESE = (
    "東京の写真 カメラ 桜の花 京都のお寺 夏祭り 海辺の夕日 はじめに 旅行の思い出 犬と散歩 結婚式 ラーメン".split()
)
KOREAN = "서울의 밤,고양이,제주도 여행,우리 가족,경복궁,김치찌개,창가에서 자는 고양이,첫 번째 장,강아지와 산책".split(
    ","
)
RUSSIAN = "Москва,кошка на окне,Красная площадь,лето 2019,фото,бабушка,Маяк у моря,Глава первая".split(",")
WESTERN = "café,Grüße aus Köln,naïve,Ñandú,Où est la bibliothèque ?,Fête de l’été,10 € entry,señor,Zoë’s photo".split(
    ","
)


def right(texts: list[str], encoding: str, candidates: tuple[Candidate, ...]) -> float:
    """The share of texts that come back as they were."""
    return sum(t.encode(encoding).decode(guess_encoding(t.encode(encoding), candidates)) == t for t in texts) / len(
        texts
    )


@pytest.mark.parametrize(
    ("encoding", "texts"),
    [
        ("utf-8", [*SIMPLIFIED, *TRADITIONAL, *JAPANESE, *KOREAN, *RUSSIAN, *WESTERN, "Ελλάδα", "שלום", "مرحبا", "é"]),
        ("gb18030", SIMPLIFIED),
        ("big5", [text for text in TRADITIONAL if text != "日月潭"]),
        ("shift_jis", JAPANESE),
        ("euc_kr", KOREAN),
        ("cp1251", RUSSIAN),
        ("koi8_r", RUSSIAN),
        ("cp866", RUSSIAN),
        ("cp1252", WESTERN),
    ],
)
def test_a_few_characters_are_enough(encoding: str, texts: list[str]) -> None:
    wrong = [text for text in texts if right([text], encoding, TEXTS) < 1]
    assert wrong == []


@pytest.mark.parametrize("text", ["小猫", "沙漠", "学校", "泰山", "山"])
def test_chinese_that_happens_to_be_utf_8_is_chinese(text: str) -> None:
    data = text.encode("gbk")
    assert data.decode("utf-8") != text
    assert guess_encoding(data) == "gb18030"


def test_chinese_windows_is_likelier_than_what_looks_the_same() -> None:
    tags = [tag for entry in ENTRIES for tag in entry["tags"]["zh"]]
    assert right(tags, "gb18030", TEXTS) > 0.9, "words of one and two characters can be anything"


def test_a_longer_text_decides_what_a_word_cannot() -> None:
    """Single characters of two bytes are words in every encoding; a line of them is not."""
    for encoding, text in (
        ("big5", "馬、樹、橋、鳥、雪、雨"),
        ("gb18030", "农场、烘焙、单车、狐狸"),
        ("euc_kr", "봄이 오면 벚꽃, 비빔밥"),
    ):
        assert guess_encoding(text.encode(encoding)).replace("cp950", "big5").replace("cp949", "euc_kr") == encoding


@pytest.mark.parametrize("text", ["黄山日出云海，秋天的早晨", "Chapter one\n", "はじめに\r\n"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark(text: str, encoding: str) -> None:
    assert guess_encoding(text.encode(encoding)) == encoding


@given(st.binary(max_size=300), st.sampled_from([TEXTS, ZIP_NAMES, METADATA]))
def test_anything_has_a_guess(data: bytes, candidates: tuple[Candidate, ...]) -> None:
    data.decode(guess_encoding(data, candidates), "replace")
