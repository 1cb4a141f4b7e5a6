"""Word and PDF files, opened again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import docx
import pytest
from docx.document import Document
from docx.text.paragraph import Paragraph
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from studio.documents.article import Article, Section
from studio.export import export

from .conftest import FILES, article_of, shown

ABOUT = {"model": "XComposer2-7B", "created": "2026-11-24T10:00:00"}
WORDY = (
    "Plain **bold *both*** `code` [link](https://example.org/?a=1&b=2)  \nnext",
    "## A heading",
    "- one\n- two\n  1. a\n  2. b",
    "3. three\n4. four",
    "> quoted",
    "| Road | km |\n|---|---|\n| Ya'an–Kangding | **220** |",
    "```\nx = 1\n\n  y\n```",
    "---",
    "H<sub>2</sub>O ~~gone~~",
)


def pdf(article: Article) -> PdfReader:
    return PdfReader(BytesIO(export(article, "pdf", FILES.__getitem__, ABOUT)))


def words(reader: PdfReader) -> str:
    return "\n".join(page.extract_text() for page in reader.pages)


def word(article: Article) -> Document:
    return docx.Document(BytesIO(export(article, "docx", FILES.__getitem__, ABOUT)))


def wordy() -> Article:
    return article_of(*map(Section, WORDY), title="*Tea* road")


# Word


def style_of(paragraph: Paragraph) -> str | None:
    return paragraph.style.name if paragraph.style else None


def test_word_has_its_own_styles() -> None:
    paragraphs = word(wordy()).paragraphs
    assert [(style_of(p), p.text) for p in paragraphs if p.text] == [
        ("Title", "Tea road"),
        ("Normal", "Plain bold both code link\nnext"),
        ("Heading 2", "A heading"),
        ("List Bullet", "one"),
        ("List Bullet", "two"),
        ("List Number 2", "a"),
        ("List Number 2", "b"),
        ("List Number", "three"),
        ("List Number", "four"),
        ("Quote", "quoted"),
        ("Normal", "x = 1\n\n  y"),
        ("Normal", "* * *"),
        ("Normal", "H<sub>2</sub>O gone"),
        ("Caption", "Written by XComposer2-7B with XComposer Studio · 2026-11-24"),
    ]
    assert paragraphs[0].runs[0].italic and paragraphs[1].runs[1].bold
    (link,) = paragraphs[1].hyperlinks
    assert (link.text, link.address) == ("link", "https://example.org/?a=1&b=2")
    assert next(p for p in paragraphs if p.text.endswith("gone")).runs[-1].font.strike


def test_every_numbered_list_counts_anew() -> None:
    document = word(article_of(Section("1. a\n2. b"), Section("1. c"), Section("7. d")))
    ids = [p._p.xpath("./w:pPr/w:numPr/w:numId")[0].val for p in document.paragraphs if style_of(p) == "List Number"]
    assert ids[0] == ids[1] and len(set(ids)) == 3
    nums = {n.numId: n for n in document.part.numbering_part.element.num_lst}
    starts = [nums[id].lvlOverride_lst[0].startOverride.val for id in ids]
    assert starts == [1, 1, 1, 7]


def test_word_tables_and_pictures() -> None:
    document = word(article_of(Section(WORDY[5], shown("jpeg", "A kettle"))))
    (table,) = document.tables
    assert [[c.text for c in row.cells] for row in table.rows] == [["Road", "km"], ["Ya'an–Kangding", "220"]]
    (picture,) = document.inline_shapes
    assert picture.width.cm <= 16.01 and picture.height.cm <= 9.01
    assert abs(picture.width / picture.height - 4 / 3) < 0.01
    assert picture._inline.docPr.get("descr") == "A kettle"
    assert "A kettle · Starter set" in [p.text for p in document.paragraphs]


def test_small_pictures_are_never_enlarged() -> None:
    (picture,) = word(article_of(Section("x", shown("png", "")))).inline_shapes
    assert (picture.width, picture.height) == (200 * 9525, 120 * 9525)


def test_word_knows_which_fonts_are_for_chinese(tea_zh: Article, read_picture: Callable[[str], bytes]) -> None:
    data = export(tea_zh, "docx", read_picture, {})
    styles = ZipFile(BytesIO(data)).read("word/styles.xml").decode()
    assert 'w:eastAsia="宋体"' in styles and 'w:eastAsia="黑体"' in styles
    assert docx.Document(BytesIO(data)).core_properties.language == "zh-CN"


# PDF


def test_pdf_has_the_words_and_pictures(tea: Article, read_picture: Callable[[str], bytes]) -> None:
    reader = PdfReader(BytesIO(export(tea, "pdf", read_picture, ABOUT)))
    text = words(reader)
    for part in ("The tea road", "Caravans set out in autumn.", "What they carried", "salt", "A kettle · IMG_2034.JPG"):
        assert part in text
    assert "Written by XComposer2-7B" in text and "2026-11-24" in text
    assert sum(len(page.images) for page in reader.pages) == 3
    assert reader.metadata and reader.metadata.title == "The tea road"


def test_pdf_carries_its_fonts_so_that_chinese_shows_anywhere(tea_zh: Article, read_picture) -> None:  # type: ignore[no-untyped-def]
    reader = PdfReader(BytesIO(export(tea_zh, "pdf", read_picture, {})))
    assert "茶马古道：从雅安到拉萨" in words(reader) and "薄雾中的梯田" in words(reader)
    for page in reader.pages:
        resources: Any = page["/Resources"]
        for font in resources["/Font"].values():
            (inside,) = font.get_object()["/DescendantFonts"]
            assert {"/FontFile2", "/FontFile3"} & inside.get_object()["/FontDescriptor"].get_object().keys()


def test_every_document_has_its_own_characters() -> None:
    assert "茶" in words(pdf(article_of(Section("茶"))))
    assert "盐–Salz" in words(pdf(article_of(Section("盐–Salz"))))
    texts = [f"第{c}篇" for c in "甲乙丙丁戊己"]
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda t: words(pdf(article_of(Section(t)))), texts))
    assert all(text in found for text, found in zip(texts, made, strict=True))


def test_pdf_of_everything_markdown_has() -> None:
    reader = pdf(wordy())
    text = words(reader)
    for part in ("Plain bold both code link", "A heading", "three", "quoted", "Ya'an–Kangding", "220", "x = 1", "gone"):
        assert part in text
    links = [a.get_object()["/A"]["/URI"] for page in reader.pages for a in page.get("/Annots", [])]
    assert links == ["https://example.org/?a=1&b=2"]


def test_long_things_go_on_on_the_next_page() -> None:
    cell = "long words in a cell " * 400
    article = article_of(Section(f"| a | b |\n|---|---|\n| {cell[:3800]} | x |"), Section("字" * 20_000))
    assert len(pdf(article).pages) > 10


@pytest.mark.parametrize("format", ["docx", "pdf"])
@pytest.mark.parametrize("key", ["gone", "text", "empty", "truncated"])
def test_a_missing_picture_is_named(format: str, key: str, read_picture) -> None:  # type: ignore[no-untyped-def]
    data = export(article_of(Section("Text.", shown(key, "A view"))), format, read_picture, {})
    if format == "pdf":
        text = words(PdfReader(BytesIO(data)))
    else:
        text = "\n".join(p.text for p in docx.Document(BytesIO(data)).paragraphs)
    assert "Picture missing: A view" in text and "Text." in text


@settings(max_examples=12, deadline=None)
@given(st.lists(st.text(), min_size=3, max_size=3))
def test_any_words_make_a_file(parts: list[str]) -> None:
    title, text, caption = parts
    article = article_of(Section(text, shown("png", caption, caption)), title=title)
    assert pdf(article).pages and word(article).paragraphs
