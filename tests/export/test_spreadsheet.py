from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from zipfile import ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from PIL import Image

from studio.documents.article import Article, Section
from studio.documents.conversation import Conversation
from studio.export import export
from studio.export.spreadsheet import CELL, PICTURE_HEIGHT, PICTURE_WIDTH
from studio.markdown import clean, parse, to_text

from .conftest import FILES, article_of, draw, shown

ABOUT = {"instruction": "=1+1", "outline": ("One", "Two"), "settings": {"temperature": 0.7, "top_p": None}, "seed": 7}
EMU = 9525  # per pixel


def book(data: bytes) -> Workbook:
    return load_workbook(BytesIO(data))


def test_an_article_opens_with_its_pictures(tea: Article, read_picture: Callable[[str], bytes]) -> None:
    sheets = book(export(tea, "xlsx", read_picture, ABOUT))
    assert sheets.sheetnames == ["Article", "About"]
    sheet = sheets["Article"]
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0] == ("No.", "Text", "Caption", "Picture", "Source")
    assert rows[1][:2] == (None, "The tea road")
    assert rows[2] == (1, "Caravans set out in autumn.", "Mist over the terraces", None, "Starter set")
    assert rows[3][:2] == (2, "What they carried")
    assert rows[4][1] == "• tea\n• salt"
    assert sheet.freeze_panes == "A2"
    assert [(i.anchor._from.row, i.anchor._from.col) for i in sheet._images] == [(2, 3), (4, 3), (5, 3)]
    assert [Image.open(BytesIO(i._data())).format for i in sheet._images] == ["JPEG", "JPEG", "PNG"]
    about = list(sheets["About"].iter_rows(values_only=True))
    assert about == [
        ("Item", "Value"),
        ("Instruction", "=1+1"),
        ("Outline", "One\nTwo"),
        ("Settings · Temperature", "0.7"),
        ("Seed", "7"),
    ]
    assert sheets["About"]["B2"].data_type == "s"


def test_pictures_lie_inside_their_cells_and_are_never_enlarged(read_picture: Callable[[str], bytes]) -> None:
    keys = ("webp", "jpeg", "png", "clear")
    article = article_of(*(Section("x", shown(key, "")) for key in keys), title="")
    sheet = book(export(article, "xlsx", read_picture, {}))["Article"]
    sizes = []
    for number, image in enumerate(sheet._images, 2):
        start, end = image.anchor._from, image.anchor.to
        assert (start.row, start.col, end.row, end.col) == (number - 1, 3, number - 1, 3)
        sizes.append(((end.colOff - start.colOff) // EMU, (end.rowOff - start.rowOff) // EMU))
        assert image.anchor.editAs is None or image.anchor.editAs == "twoCell"
    assert sizes[2] == (200, 120)
    assert all(w <= PICTURE_WIDTH and h <= PICTURE_HEIGHT for w, h in sizes)
    assert sizes[0] == (320, 213)


def test_resolution_and_rotation_in_the_file_change_nothing() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    file = draw(200, 100, "JPEG", dpi=(300, 300), exif=exif)
    sheet = book(export(article_of(Section("x", shown("a", ""))), "xlsx", lambda _: file, {}))["Article"]
    (image,) = sheet._images
    assert Image.open(BytesIO(image._data())).size == (100, 200)
    assert (image.anchor.to.rowOff - image.anchor._from.rowOff) // EMU == 200


def test_chinese_headers(tea_zh: Article, read_picture: Callable[[str], bytes]) -> None:
    sheets = book(export(tea_zh, "xlsx", read_picture, {"seed": 1}))
    assert sheets.sheetnames == ["文章", "关于"]
    assert [cell.value for cell in sheets["文章"][1]] == ["序号", "正文", "图注", "图片", "来源"]
    assert sheets["关于"]["A2"].value == "随机种子"


@pytest.mark.parametrize("key", ["gone", "text", "empty", "truncated"])
def test_a_missing_picture_is_named_in_its_cell(key: str, read_picture: Callable[[str], bytes]) -> None:
    sheet = book(export(article_of(Section("Text.", shown(key, "A view"))), "xlsx", read_picture, {}))["Article"]
    assert sheet["D3"].value == "Picture missing: A view"
    assert sheet["B3"].value == "Text."


@pytest.mark.parametrize(
    "words",
    ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "{=1}", "1234", "http://evil.example", "n_x0041_", "'x", "True"],
)
def test_words_stay_words(words: str) -> None:
    data = export(article_of(Section(words, shown("png", words, words)), title=words), "xlsx", FILES.__getitem__, {})
    sheet = book(data)["Article"]
    for place in ("B2", "B3", "C3", "E3"):
        assert (sheet[place].value, sheet[place].data_type) == (words, "s")
        assert sheet[place].hyperlink is None


@pytest.mark.parametrize("words", ["word " * 8001, "茶" * 40_000, "🦊" * 20_000, "x" * 32_766 + "🦊" + "y" * 10])
def test_long_words_go_on_in_the_next_row(words: str) -> None:
    sheet = book(
        export(article_of(Section(words), Section("end"), title=""), "xlsx", FILES.__getitem__, {})
    ).worksheets[0]
    parts = [(row[0].value, row[1].value) for row in sheet.iter_rows(min_row=2)]
    assert parts.pop() == (2, "end")
    assert len(parts) == 2
    assert {number for number, _ in parts} == {1}
    assert "".join(text for _, text in parts) == words.rstrip()
    assert all(len(text.encode("utf-16-le")) // 2 <= CELL for _, text in parts)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(), min_size=4, max_size=4))
def test_any_words_survive(words: tuple[str, str, str, str]) -> None:
    title, text, caption, credit = words
    article = replace(article_of(Section("y" + text, shown("png", "y" + caption, "y" + credit))), title="y" + title)
    data = export(article, "xlsx", FILES.__getitem__, {title: text})
    sheet = book(data).worksheets[0]
    assert data == export(article, "xlsx", FILES.__getitem__, {title: text})
    assert sheet["B3"].value == to_text(parse("y" + text))
    for place, given_words in (("C3", caption), ("E3", credit)):
        assert sheet[place].value == clean("y" + given_words)


def test_a_conversation(talk: Conversation, read_picture: Callable[[str], bytes]) -> None:
    sheets = book(export(talk, "xlsx", read_picture, {}))
    sheet = sheets["Conversation"]
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0] == ("No.", "Question", "Picture", "Source", "Answer", "How it ended", "Rating")
    assert rows[1][:2] == (1, "What are these?\n# two")
    assert rows[1][3:] == (
        "Picture 1\nTerraces\nmine",
        "**Fields**.\n\n```\nopen",
        "stopped at the length limit",
        "liked",
    )
    assert rows[2] == (1, None, None, "Picture 2", None, None, None)
    assert rows[3] == (2, "And this?", "Picture missing: Picture 3", "Picture 3", "=1+1", None, "disliked")
    assert sheet["E4"].data_type == "s"
    assert len(sheet._images) == 2


def test_the_file_has_no_formulas_and_no_links(tea: Article, read_picture: Callable[[str], bytes]) -> None:
    with ZipFile(BytesIO(export(tea, "xlsx", read_picture, ABOUT))) as zip:
        for name in zip.namelist():
            if name.startswith("xl/worksheets/sheet"):
                assert b"<f>" not in zip.read(name)
                assert b"<hyperlink" not in zip.read(name)
