"""Articles and conversations as xlsx: a row a paragraph, its picture in the row, a second sheet about how it was made.

Every text is written as a text: nothing becomes a formula, a link or a number. Pictures lie over their cell and
move and hide with it; pictures *in* cells would be newer, but only the newest Excel shows them. The same content gives
the same bytes.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from io import BytesIO
from itertools import zip_longest

import xlsxwriter

from studio.documents.article import Article, Picture
from studio.documents.conversation import Conversation
from studio.errors import Language
from studio.export.clean_text import document_language, label, line, pieces, plain_title
from studio.export.images import SHEET_SIDE, Loaded, ReadPicture, for_sheet, load
from studio.export.markdown_files import remarks
from studio.markdown import clean, parse, to_text

CELL = 32_767  # characters a cell can hold
PICTURE_WIDTH, PICTURE_HEIGHT = 320, 300  # pixels a picture is shown at, at most
_MARGIN = 8
_TALLEST = 540  # pixels; Excel allows a row 409 points
_LINE = 20  # pixels

_INK, _SOFT, _SEAL = "#1F1E1B", "#6B675F", "#B5372B"
_STYLES: Mapping[str, Mapping[str, object]] = {
    "text": {"text_wrap": True, "valign": "top", "align": "left", "indent": 1, "font_color": _INK},
    "heading": {
        "text_wrap": True,
        "valign": "top",
        "align": "left",
        "indent": 1,
        "font_color": _INK,
        "bold": True,
        "font_size": 13,
    },
    "title": {
        "text_wrap": True,
        "valign": "vcenter",
        "align": "left",
        "indent": 1,
        "font_color": _INK,
        "bold": True,
        "font_size": 18,
    },
    "soft": {"text_wrap": True, "valign": "top", "align": "left", "indent": 1, "font_color": _SOFT},
    "number": {"valign": "top", "align": "center", "font_color": _SOFT},
    "header": {
        "bold": True,
        "indent": 1,
        "font_color": _INK,
        "bg_color": "#F0ECE3",
        "bottom": 2,
        "bottom_color": _SEAL,
        "valign": "vcenter",
        "text_wrap": True,
    },
}


@dataclass(frozen=True)
class Cell:
    """Text in a style."""

    text: str
    style: str = "text"


@dataclass(frozen=True)
class Row:
    """One row: a number, texts by column, and perhaps a picture in the picture column."""

    number: int | None
    cells: Mapping[str, Cell]
    picture: Loaded | None = None


@dataclass(frozen=True)
class Column:
    """A column by its label, with its width in pixels. `title` stands at its head instead of the label."""

    key: str
    width: int
    title: str = ""


_PICTURE = Column("picture", PICTURE_WIDTH + 2 * _MARGIN)
_ARTICLE = (
    Column("number", 56),
    Column("text", 560),
    Column("caption", 220),
    _PICTURE,
    Column("source", 150),
)
_CONVERSATION = (
    *(Column("number", 56), Column("question", 300), _PICTURE, Column("source", 150)),
    *(Column("answer", 560), Column("ended", 130), Column("rating", 80)),
)


def article_sheet(article: Article, read_picture: ReadPicture, about: Mapping[str, object]) -> bytes:
    """The workbook of an article."""
    language = document_language(article)
    rows = _article_rows(article, read_picture, language)
    return workbook("article", _ARTICLE, rows, about, language, plain_title(article.title))


def conversation_sheet(conversation: Conversation, read_picture: ReadPicture, about: Mapping[str, object]) -> bytes:
    """The workbook of a conversation. Several pictures of one question follow in rows below it."""
    language = document_language(conversation)
    rows = _conversation_rows(conversation, read_picture, language)
    return workbook("conversation", _CONVERSATION, rows, about, language, label("conversation", language))


def _article_rows(article: Article, read_picture: ReadPicture, language: Language) -> Iterator[Row]:
    if plain_title(article.title):
        yield Row(None, {"text": Cell(plain_title(article.title), "title")})
    for number, section in enumerate(article.sections, 1):
        text = to_text(parse(section.text))
        cells = {"text": Cell(text, "heading" if section.is_heading else "text")}
        picture = None
        if shown := section.illustration:
            cells |= {"caption": Cell(shown.caption), "source": Cell(shown.picture.credit, "soft")}
            picture, missing = picture_cell(shown.picture, shown.caption, read_picture, language)
            cells |= missing
        yield Row(number, cells, picture)


def _conversation_rows(conversation: Conversation, read_picture: ReadPicture, language: Language) -> Iterator[Row]:
    seen = 0
    for number, turn in enumerate(conversation.turns, 1):
        ended, liked = remarks(turn, language)
        words = {"question": Cell(turn.question), "answer": Cell(turn.answer)}
        words |= {"ended": Cell(ended, "soft"), "rating": Cell(liked, "soft")}
        for picture in turn.pictures or (None,):
            if picture is None:
                yield Row(number, words)
                continue
            seen += 1
            name = label("numbered", language, number=seen)
            loaded, missing = picture_cell(picture, picture.title or name, read_picture, language)
            source = "\n".join(filter(None, (name, picture.title, picture.credit)))
            yield Row(number, {**words, "source": Cell(source, "soft"), **missing}, loaded)
            words = {}  # said once, beside the first picture


def picture_cell(
    picture: Picture, name: str, read_picture: ReadPicture, language: Language, side: int = SHEET_SIDE
) -> tuple[Loaded | None, dict[str, Cell]]:
    """The picture for its cell, at most `side` pixels long, or the words that stand there instead."""
    loaded = load(picture.key, read_picture)
    fit = loaded and for_sheet(loaded, side)
    if fit:
        return fit, {}
    return None, {"picture": Cell(label("missing", language, name=name or picture.title or picture.key), "soft")}


def workbook(
    kind: str,
    columns: Sequence[Column],
    rows: Iterator[Row],
    about: Mapping[str, object],
    language: Language,
    title: str,
) -> bytes:
    """A sheet of rows with these columns, and the About sheet. `kind` names the first sheet by its label."""
    out = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(out, options)
    styles = {name: book.add_format(dict(style)) for name, style in _STYLES.items()}
    # A fixed date: else the time of the export makes every file different.
    book.set_properties({"title": line(title)[:200], "created": datetime.datetime(2000, 1, 1)})
    sheet = _Sheet(book.add_worksheet(label(kind, language)), styles, columns, language)
    for row in rows:
        sheet.add(row)
    facts = _Sheet(
        book.add_worksheet(label("about", language)), styles, (Column("item", 190), Column("value", 640)), language
    )
    for name, value in _facts(about, language):
        facts.add(Row(None, {"item": Cell(name, "soft"), "value": Cell(value)}))
    book.close()
    return out.getvalue()


class _Sheet:
    """A worksheet with a frozen header, filled from the top."""

    def __init__(
        self,
        sheet: xlsxwriter.worksheet.Worksheet,
        styles: Mapping[str, xlsxwriter.format.Format],
        columns: Sequence[Column],
        language: Language,
    ) -> None:
        self._sheet, self._styles, self._columns, self._next = sheet, styles, columns, 1
        heads = [clean(column.title) or label(column.key, language) for column in columns]
        for at, (column, head) in enumerate(zip(columns, heads, strict=True)):
            sheet.set_column_pixels(at, at, column.width)
            sheet.write_string(0, at, head, styles["header"])
        tallest = max(_height(head, column.width, "text") for column, head in zip(columns, heads, strict=True))
        sheet.set_row_pixels(0, max(28, min(tallest, _TALLEST)))
        sheet.freeze_panes(1, 0)
        sheet.hide_gridlines(1)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})

    def add(self, row: Row) -> None:
        """Write a row. What is longer than a cell goes on in the rows below, under the same number."""
        parts = {key: list(pieces(clean(cell.text), CELL)) for key, cell in row.cells.items()}
        first = True
        for texts in zip_longest(*parts.values(), fillvalue="") if parts else [()]:
            self._write(row, dict(zip(parts, texts, strict=True)), row.picture if first else None)
            first = False

    def _write(self, row: Row, texts: Mapping[str, str], picture: Loaded | None) -> None:
        tallest = 0
        for at, column in enumerate(self._columns):
            if column.key == "number" and row.number is not None:
                self._sheet.write_number(self._next, at, row.number, self._styles["number"])
            if text := texts.get(column.key):
                style = row.cells[column.key].style
                self._sheet.write_string(self._next, at, text, self._styles[style])
                tallest = max(tallest, _height(text, column.width, style))
            if column.key == "picture" and picture:
                height = self._place(picture, at, row.cells.get("caption", Cell("")).text)
                tallest = max(tallest, round(height) + 2 * _MARGIN)
        self._sheet.set_row_pixels(self._next, max(_LINE + 12, min(tallest, _TALLEST)))
        self._next += 1

    def _place(self, picture: Loaded, column: int, words: str) -> float:
        """Put the picture into its cell; gives its height in pixels."""
        width, height = _display_size(picture, self._columns[column].width - 2 * _MARGIN)
        scale = width / picture.width
        self._sheet.insert_image(
            self._next,
            column,
            "picture." + picture.suffix,
            {
                "image_data": BytesIO(picture.data),
                "x_scale": scale,
                "y_scale": scale,
                "x_offset": _MARGIN,
                "y_offset": _MARGIN,
                "object_position": 1,  # moves, sizes and hides with its cell
                "description": line(words)[:200],  # for screen readers
            },
        )
        return height


def _display_size(picture: Loaded, room: int) -> tuple[float, float]:
    """The size in pixels it is shown at: inside a cell `room` pixels wide, never larger than it is."""
    scale = min(room / picture.width, min(room, PICTURE_HEIGHT) / picture.height, 1)
    return picture.width * scale, picture.height * scale


def _height(text: str, width: int, style: str) -> int:
    """About how many pixels a wrapped text needs: a Latin letter is 7 pixels wide, a Chinese one 15."""
    size = {"title": 1.7, "heading": 1.2}.get(style, 1.0)
    room = (width - 20) / size
    lines = 0
    for part in text[:4000].split("\n"):
        wide = sum(15 if ord(c) > 0x2E7F else 7 for c in part) * 1.06  # words break before the edge
        lines += max(1, -(-int(wide) // int(room)))
    return int(lines * _LINE * size) + (20 if style == "title" else 12)


def _facts(about: Mapping[str, object], language: Language, path: str = "") -> Iterator[tuple[str, str]]:
    """The rows of the About sheet; settings inside settings are `outer · inner`."""
    for key, value in about.items():
        name = path + label(str(key), language)
        if is_dataclass(value) and not isinstance(value, type):
            value = asdict(value)
        if isinstance(value, Mapping):
            yield from _facts(value, language, name + " · ")
        elif isinstance(value, (list, tuple)):
            yield name, "\n".join(map(str, value))
        elif value is not None:
            yield name, label("auto", language) if (key, value) == ("images", "auto") else str(value)
