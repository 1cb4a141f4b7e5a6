"""The table as the page shows it."""

from __future__ import annotations

import re

import pytest

from studio.documents.article import Picture
from studio.documents.table import Cell, Skipped, Table
from studio.errors import EngineError, Language
from studio.protocol import Queued
from studio.tasks.fill_table import TableProgress
from studio.ui.table_view import WINDOW, Changes, to_table_data
from studio.ui.table_words import TABLE_WORDS


def of(rows: int) -> Table:
    table = Table(("What?", "<b>Where?</b>"), skipped=(Skipped("x", "x is no picture."),), id=7)
    for n in range(rows):
        table = table.add(Picture(f"{n:064x}", f"p{n}", f"p{n}.png"))
    return table


def test_both_languages_have_the_same_facts() -> None:
    for key, (english, chinese) in TABLE_WORDS.items():
        assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", chinese)), key
        assert english and chinese


def test_the_cell_under_way_shows_its_answer_as_it_grows() -> None:
    table = of(2).put(0, 0, Cell("Done.", "length")).put(0, 1, Cell("", "failed", "It broke."))
    shown = to_table_data(TableProgress(table, "asking", 1, 4, (1, 0), "Gro"), "en")
    assert [row["cells"] for row in shown["rows"] if "cells" in row] == [
        [
            {"text": "Done.", "remark": "stopped at the length limit", "state": "length"},
            {"text": "", "remark": "It broke.", "state": "failed"},
        ],
        [{"text": "Gro", "remark": "", "state": "current"}, {"text": "", "remark": "", "state": "open"}],
    ]
    assert shown["questions"] == list(table.questions) and shown["skipped"] == ["x is no picture."] and shown["running"]


def test_a_long_table_shows_the_rows_where_it_works() -> None:
    shown = to_table_data(TableProgress(of(250), "asking", 0, 500, (120, 0)), "en")
    assert [row["number"] for row in shown["rows"]] == list(range(WINDOW, 2 * WINDOW))
    assert shown["notes"] == ["Rows 101–200 of 250 are shown; the files have all."]


def test_a_row_that_the_page_has_seen_is_its_number() -> None:
    table, changes = of(250), Changes()
    first = changes.of(to_table_data(TableProgress(table, "asking", 0, 500, (0, 0)), "en"))
    assert all("cells" in row for row in first["rows"])
    then = changes.of(
        to_table_data(TableProgress(table.put(0, 0, Cell("Done.", "stop")), "asking", 1, 500, (1, 0), "Gro"), "en")
    )
    assert [row["number"] for row in then["rows"] if "cells" in row] == [0, 1]
    assert [row["number"] for row in then["rows"]] == list(range(WINDOW))
    after = changes.of(to_table_data(TableProgress(table, "asking", 100, 500, (100, 0)), "en"))
    assert all("cells" in row for row in after["rows"]), "another window is new to the page"


DONE = Cell("Yes.", "stop")


@pytest.mark.parametrize(
    ("progress", "seconds", "language", "said"),
    [
        (TableProgress(of(0), "reading", 3, 10), None, "zh", "正在读取图片：3/10"),
        (TableProgress(of(2), "asking", 0, 4), None, "en", "0 of 4 answered · The model is being loaded …"),
        (TableProgress(of(2), "asking", 1, 4, (0, 1), waiting=Queued(2, 5.0)), 9, "zh", "已回答 1/4 · 前面还有 2 个"),
        (TableProgress(of(2), "asking", 1, 4, (0, 1)), 95, "en", "1 of 4 answered · about 2 min left"),
        (TableProgress(of(2), "asking", 1, 4, (0, 1)), 0.2, "en", "1 of 4 answered · about 1 s left"),
        (TableProgress(of(2), "done", 1, 4, stopped=True), None, "en", "Stopped: 1 of 4 answers are kept."),
        (TableProgress(of(1).put(0, 0, DONE).put(0, 1, DONE), "done", 2, 2), None, "zh", "完成：共 2 个回答。"),
        (
            TableProgress(of(1).put(0, 0, DONE).put(0, 1, Cell("", "failed", "x")), "done", 1, 2),
            None,
            "en",
            "1 of 2 answered, 1 failed: the cells say why, and can be asked again.",
        ),
        (TableProgress(of(1), "done", 0, 2, error=EngineError("shutting_down")), None, "zh", "程序正在关闭。"),
    ],
)
def test_one_line_says_how_far_it_is(
    progress: TableProgress, seconds: float | None, language: Language, said: str
) -> None:
    assert to_table_data(progress, language, seconds)["said"] == said
