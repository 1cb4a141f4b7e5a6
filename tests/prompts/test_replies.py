"""Parsers of what models reply: real replies, and any text at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.prompts import replies
from studio.protocol import Description, Label

PARAGRAPHS = ("one", "## heading", "two", "three", "## end")
noisy = st.text(st.sampled_from("<Seg>0123456789,， \n一") | st.characters(), max_size=200)


@pytest.mark.parametrize(
    ("reply", "count", "places"),
    [
        ("<Seg0>,<Seg3>", None, (0, 3)),
        ("<Seg3>，<Seg0>，<Seg3>。", 3, (0, 3)),  # sorted, each once
        ("<Seg1>", None, (2,)),  # a heading hands on to its text
        ("<Seg4>", None, ()),  # … if it has one
        ("<Seg7>,<Seg99999999999999999999>", None, ()),
        ("<Seg0>,<Seg2>,<Seg3>", 2, (0, 2)),
        ("no idea", 2, ()),
        ("", None, ()),
    ],
)
def test_places(reply: str, count: int | None, places: tuple[int, ...]) -> None:
    assert replies.places(reply, PARAGRAPHS, count) == places


@given(noisy, st.none() | st.integers(0, 15))
def test_places_are_always_usable(reply: str, count: int | None) -> None:
    found = replies.places(reply, PARAGRAPHS, count)
    assert list(found) == sorted(set(found))
    assert all(0 <= place < len(PARAGRAPHS) and not PARAGRAPHS[place].startswith("#") for place in found)
    assert count is None or len(found) <= count


@pytest.mark.parametrize(
    ("reply", "caption"),
    [
        ('夕阳下的茶园"，', "夕阳下的茶园"),
        ("A  red\tfox\nin the snow", "A red fox"),
        ("“quoted” rest", ""),
        ("", ""),
    ],
)
def test_caption(reply: str, caption: str) -> None:
    assert replies.caption(reply) == caption


@given(st.text())
def test_a_caption_is_one_short_line(reply: str) -> None:
    text = replies.caption(reply)
    assert len(text) <= 200 and "\n" not in text and '"' not in text


@pytest.mark.parametrize(
    ("reply", "title"),
    [
        ("A Day at the Farm", "A Day at the Farm"),
        ('Title: "Tea"\nmore', "Tea"),
        ("**Bold**", "Bold"),
        ("", "Write about tea"),
        ("x" * 500, "Write about tea"),
    ],
)
def test_title(reply: str, title: str) -> None:
    assert replies.title(reply, "write about  tea.") == title


@given(st.text(), st.text(min_size=1).filter(str.strip))
def test_a_title_is_one_line(reply: str, instruction: str) -> None:
    assert "\n" not in replies.title(reply, instruction) and len(replies.title(reply, instruction)) <= 120


@pytest.mark.parametrize(
    ("reply", "headings"),
    [
        ("1. Where it grows\n2. Brewing: how to\n\n- Brewing\n", ("Where it grows", "Brewing")),
        ("一、产地\n二、冲泡\n3、品饮", ("产地", "冲泡", "品饮")),
        ("x" * 100, ()),
        ("", ()),
    ],
)
def test_headings(reply: str, headings: tuple[str, ...]) -> None:
    assert replies.headings(reply) == headings


@given(st.text(), st.integers(1, 8))
def test_headings_are_few_short_and_different(reply: str, limit: int) -> None:
    found = replies.headings(reply, limit)
    assert len(found) <= limit and len({h.lower() for h in found}) == len(found)
    assert all(2 <= len(h) <= 80 and "\n" not in h for h in found)


def seen(score: float, text: str = "") -> str:
    return replies.describe_in_words(1, 1, Description((Label("espresso", score),), text))


def test_a_low_score_is_told_as_a_guess() -> None:
    assert seen(0.89) == "The picture shows an espresso."
    assert seen(0.3) == "The picture shows an espresso."
    assert seen(0.299) == "I am not sure what the picture shows; it might be an espresso."
    assert replies.describe_in_words(2, 3, Description()) == "I cannot tell what picture 2 shows."
    assert replies.describe_in_words(2, 3, Description((Label("lion", 0.9),))) == "Picture 2 shows a lion."


def test_what_people_said_is_told_as_it_is() -> None:
    assert replies.describe_known(1, 1, "A market stall.") == "The picture shows this: A market stall."
    assert replies.describe_known(2, 3, "一个集市。", "zh") == "图2的说明：一个集市。"
    assert replies.describe_known(2, 3, "A stall.\nfruit stall") == "Picture 2 shows this: A stall. (Tags: fruit stall)"
    assert replies.describe_known(1, 1, "集市\n水果", "zh") == "这张图片的说明：集市。（标签：水果）"
    guess = replies.describe_in_words(1, 1, Description((Label("jigsaw puzzle", 0.2),), "OPEN"), "zh")
    assert guess == "不能确定这张图片里是什么，可能是：jigsaw puzzle。图中的文字：“OPEN”"
    assert replies.describe_in_words(1, 2, Description((Label("lion", 0.9),)), "zh") == "图1里是：lion。"
    assert replies.describe_in_words(1, 1, Description(), "zh") == "看不出这张图片里是什么。"


def test_text_in_the_picture_is_quoted() -> None:
    assert seen(0.9, "OPEN\n 24 h").endswith("The text in it reads: “OPEN 24 h”")
    assert seen(0.9, "x" * 400).endswith("x…”")


@given(st.floats(0, 1), st.text())
def test_no_guess_is_a_fact(score: float, text: str) -> None:
    assert ("not sure" in seen(score, "")) == (score < replies.CERTAIN)
    assert len(seen(score, text)) < 450
