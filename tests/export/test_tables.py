"""Tables of answers as files, opened again as Excel and other programs would."""

from __future__ import annotations

import csv
from io import BytesIO, StringIO
from zipfile import ZipFile

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from studio.documents.article import Picture
from studio.documents.table import Cell, Skipped, Table
from studio.errors import InputError
from studio.export import export, filename, formats_for
from studio.markdown import clean

from .conftest import FILES

EMU = 9525


def read(key: str) -> bytes:
    return FILES[key]


def of(*cells: Cell, questions: tuple[str, ...] = ("What?", "Where?"), key: str = "jpeg") -> Table:
    table = Table(questions, origin="album.zip", model="m").add(Picture(key, "cat", "sea/cat.jpg"))
    for place, cell in enumerate(cells):
        table = table.put(0, place, cell)
    return table


def opened(table: Table) -> openpyxl.Workbook:
    return openpyxl.load_workbook(BytesIO(export(table, "xlsx", read, {})))


def rows(table: Table) -> list[list[str]]:
    return list(csv.reader(StringIO(export(table, "csv", read, {}).decode("utf-8-sig"), newline="")))


def test_a_sheet_has_a_picture_a_name_and_a_column_a_question() -> None:
    table = of(Cell("A cat.", "stop"), Cell("", "failed", "It broke.")).add(Picture("gone", "x", "x.png"))
    book = opened(table)
    assert book.sheetnames == ["Table", "About"]
    sheet = book["Table"]
    assert list(sheet.iter_rows(values_only=True)) == [
        ("Picture", "Name", "What?", "Where?"),
        (None, "sea/cat.jpg", "A cat.", "[It broke.]"),
        ("Picture missing: x.png", "x.png", None, None),
    ]
    assert sheet.freeze_panes == "A2"
    (image,) = sheet._images
    start, to = image.anchor._from, image.anchor.to
    assert (start.row, start.col, to.row, to.col) == (1, 0, 1, 0)
    assert ((to.colOff - start.colOff) // EMU, (to.rowOff - start.rowOff) // EMU) == (160, 120)
    assert max(Image.open(BytesIO(image._data())).size) == 320


def test_the_about_sheet_tells_what_is_not_in_the_table() -> None:
    table = of(Cell("A cat.", "stop"))
    table = Table(**{**vars(table), "skipped": (Skipped("x.txt", "x.txt is no picture."),), "unread": 3})
    facts = dict(opened(table)["About"].iter_rows(values_only=True))
    assert facts["From"] == "album.zip" and facts["Pictures"] == "1" and facts["Questions"] == "What?\nWhere?"
    assert facts["Left out"] == "x.txt is no picture." and facts["Not read before the stop"] == "3"
    assert facts["Cells without an answer"] == "1" and facts["Model"] == "m"


def test_questions_that_are_words_of_our_own_stay_questions() -> None:
    words = ("picture", "title", "name", "number")
    assert [c.value for c in opened(of(questions=words))["Table"][1]] == ["Picture", "Name", *words]


def test_chinese() -> None:
    table = of(Cell("一只猫。", "length"), questions=("图里有什么？",))
    assert list(opened(table)["表格"].iter_rows(values_only=True))[0] == ("图片", "名称", "图里有什么？")
    assert rows(table) == [["名称", "图里有什么？"], ["sea/cat.jpg", "一只猫。\n[到达长度上限而停止]"]]
    assert export(table, "csv", read, {}).startswith(b"\xef\xbb\xbf")
    assert filename(table, "csv") == "图里有什么？.csv" and filename(table, "xlsx").endswith(".xlsx")


@pytest.mark.parametrize("words", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "＝1+1"])
def test_no_answer_becomes_a_formula(words: str) -> None:
    table = of(Cell(words, "stop"), questions=(words,), key="png")
    assert rows(table) == [["Name", "'" + words], ["sea/cat.jpg", "'" + words]]
    sheet = opened(table)["Table"]
    for place in ("C1", "C2"):
        assert (sheet[place].value, sheet[place].data_type) == (words, "s")
    with ZipFile(BytesIO(export(table, "xlsx", read, {}))) as zip:
        assert all(b"<f>" not in zip.read(name) for name in zip.namelist() if "worksheets" in name)


@settings(max_examples=60, deadline=None)
@given(st.text(), st.text(min_size=1))
def test_any_words_survive(answer: str, question: str) -> None:
    table = of(Cell("y" + answer, "stop"), questions=("y" + question,), key="png")
    assert rows(table)[1][1] == clean("y" + answer)
    sheet = opened(table).worksheets[0]
    assert sheet["C2"].value == clean("y" + answer) and sheet["C1"].value == clean("y" + question)


@pytest.mark.parametrize("format", formats_for("table"))
def test_the_same_gives_the_same_bytes_and_an_empty_table_is_no_error(format: str) -> None:
    assert export(of(), format, read, {}) == export(of(), format, read, {})
    assert export(Table(("What?",)), format, read, {})


def test_an_unknown_format_is_said() -> None:
    with pytest.raises(InputError, match="xlsx, csv"):
        export(of(), "zip", read, {})
