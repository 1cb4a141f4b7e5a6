"""Edits of a part of a paragraph: how they are asked for, and what of a reply is put there."""

from __future__ import annotations

import pytest

from studio.prompts.internlm2 import InternLM2
from studio.prompts.part_edits import words_of
from studio.prompts.xcomposer2 import XComposer2
from studio.protocol import Text


def request(prompt: object) -> str:
    return "".join(s.text for s in prompt if isinstance(s, Text))  # type: ignore[attr-defined]


@pytest.mark.parametrize("dialect", [XComposer2(), InternLM2()])
def test_a_part_is_asked_for_with_what_stands_around_it(dialect: XComposer2) -> None:
    english = request(dialect.edit("rewrite", "the snow", "shorter words", "", ("At dawn ", " turns pink.")))
    assert "At dawn the snow turns pink." in english and "only these words" in english and "shorter words" in english
    chinese = request(dialect.edit("translate", "雪山", "", "", ("清晨，", "染成了粉色。")))
    assert "清晨，雪山染成了粉色。" in chinese and "翻译成英文" in chinese
    assert "into Chinese" in request(dialect.edit("translate", "The snow.", ""))
    assert request(dialect.edit("rewrite", "雪。", "山")).startswith("user\n改写以下段落：雪。")  # as it was trained


@pytest.mark.parametrize(("reply", "before", "old", "after", "words"), [
    (" The white snow. ", "At dawn ", "the snow", " turns pink.", "the white snow"),
    ("At dawn the white snow turns pink.", "At dawn ", "the snow", " turns pink.", "the white snow"),
    ("“White snow”", "At dawn ", "the snow", " falls.", "White snow"),
    ("It snows.", "Cold. ", "Snow falls.", " Then sun.", "It snows."),
    ("I walk", "Then ", "we go", " home.", "I walk"),
    ("皑皑白雪。", "清晨，", "雪", "染成了粉色。", "皑皑白雪"),
    ("A new paragraph.", "", "The old one", "", "A new paragraph."),
    ("There is snow", "The ", "snow", " falls.", "there is snow"),
    ("The new snow", "The ", "snow", " falls.", "new snow"),
    ("Paris", "We love ", "the city", " most.", "Paris"),
    ("清早下雪", "清", "晨", "，人们出门。", "清早下雪"),
    (".", "a ", "b", " c", ""),
])  # fmt: skip
def test_a_reply_is_cut_to_the_words_of_its_place(reply: str, before: str, old: str, after: str, words: str) -> None:
    assert words_of(reply, old, (before, after)) == words
