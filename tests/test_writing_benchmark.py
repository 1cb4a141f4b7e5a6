"""The measures of the writing benchmark on texts whose worth is plain."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from writing import in_language, obeyed, repeated, row, score, units
from writing_tasks import TASKS

from studio.documents.article import Article, Brief, Illustration, Picture, Section

PICTURES = Path(__file__).parents[1] / "assets" / "pictures"


def article(*texts: str, status: str = "done", pictures: tuple[str, ...] = ()) -> Article:
    sections = [Section(text) for text in texts]
    for at, key in enumerate(pictures):
        sections[at] = Section(texts[at], illustration=Illustration(Picture(key, key), "", ()))
    return Article(Brief("x"), title="Tea", sections=tuple(sections), status=status)  # type: ignore[arg-type]


def test_units_and_repetition() -> None:
    assert units("Don't drink 3 teas, 茶好") == ["Don't", "drink", "teas", "茶", "好"]
    assert repeated("one two three four") == 0.0 == repeated("")
    assert repeated("a b c d a b c d") == pytest.approx(1 / 5)


def test_language() -> None:
    assert in_language("茶很好", "zh") == 1.0 and in_language("tea", "zh") == 0.0
    assert 0.4 < in_language("茶 tea.", "en") < 0.5


def test_an_outline() -> None:
    good = article("## A", "Text.", "## B", "Text.")
    assert obeyed(good, ("A", "B")) is True and obeyed(good, ("B", "A")) is False and obeyed(good, ()) is None
    assert obeyed(article("## A", "## B", "Text."), ("A", "B")) is False


def test_scores() -> None:
    task = TASKS[10]
    assert task.language == "en" and TASKS[0].language == "zh"
    found = score(
        article("## A", "A cow. " * 125, pictures=("k1", "k2")), task, {"k1": "farm", "k2": "ship"}, (9, 1, 20)
    )
    assert (found.finished, found.headings, found.length, found.fitting) == (True, 1, 1.0, 1)
    assert score(article("It breaks off in"), task, {}, (1, 1, 1)).finished is False
    assert score(article("Whole."), task, {}, (1, 1, 1)).finished is True
    assert score(article("Cut.", status="cut"), task, {}, (1, 1, 1)).finished is False
    table = row("m", [found], 5_000_000)
    assert (table["finished"], table["fitting_pictures"], table["length_within_25"], table["memory_mb"]) == (
        1,
        "1/3",
        1,
        5,
    )


def test_the_labels_are_pictures_that_there_are() -> None:
    names = {path.stem for path in PICTURES.glob("*.webp")}
    assert len(TASKS) == 20 and sum(task.language == "zh" for task in TASKS) == 10
    for task in TASKS:
        assert task.fitting <= names and len(task.fitting) >= 3, (task.instruction, task.fitting - names)
