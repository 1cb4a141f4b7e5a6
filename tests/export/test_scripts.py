"""Any script in any file: letters from fonts that have them, from right to left where due, nothing dropped."""

from __future__ import annotations

import unicodedata
from io import BytesIO
from zipfile import ZipFile

import docx
import pytest
from docx.oxml.ns import qn
from pypdf import PdfReader

from studio.documents.article import Article, Section
from studio.export import export, fonts
from studio.export.word_scripts import split_scripts
from studio.language import is_right_to_left

from .conftest import article_of

LETTERS = "🎉 مرحبا 한국어 ภาษาไทย हिन्दी 𠮷 עברית ქართული አማርኛ தமிழ் ひらがな Ελληνικά Русский Tiếng Việt"


def pdf_text(article: Article) -> str:
    reader = PdfReader(BytesIO(export(article, "pdf", lambda key: b"", {})))
    return "\n".join(page.extract_text() for page in reader.pages)


def fonts_of(article: Article) -> set[str]:
    reader = PdfReader(BytesIO(export(article, "pdf", lambda key: b"", {})))
    found = (font.get_object()["/BaseFont"] for page in reader.pages for font in page["/Resources"]["/Font"].values())  # type: ignore[index]
    return {str(name).partition("+")[2].partition("-")[0] for name in found}


def test_a_pdf_has_a_font_for_every_letter() -> None:
    article = article_of(Section(LETTERS), Section(f"**{LETTERS}** *{LETTERS}* `{LETTERS}`"), Section(f"- {LETTERS}"))
    found = set(pdf_text(article))
    assert {c for c in LETTERS if not c.isspace()} - found == set()
    assert "مرحبا" in pdf_text(article) and "한국어" in pdf_text(article)
    assert "Shown as boxes" not in pdf_text(article)
    assert {"Amiri", "NotoSerifKR", "NotoSerifThai", "NotoSerifDevanagari", "NotoEmoji"} <= fonts_of(article)


def test_what_chinese_and_english_need_is_one_font() -> None:
    assert fonts_of(article_of(Section("茶 and tea — 100%"), title="")) == {"NotoSerifSC"}


def test_a_letter_that_no_font_has_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_system", lambda: ())
    text = " ".join(pdf_text(article_of(Section("signs 𒀀𒀁 here"))).split())
    assert (
        "Shown as boxes, because no font on this computer has them: U+12000 CUNEIFORM SIGN A, U+12001 CUNEIFORM" in text
    )
    assert "signs □□ here" in text
    many = article_of(Section("中文" + "".join(map(chr, range(0x12000, 0x12014)))))
    assert "and 8 more" in " ".join(pdf_text(many).split())


def test_fonts_of_the_system_are_asked_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        fonts, "_system", lambda: (("Cuneiform One", ((0x12000, 0x12001),)), ("Two", ((0x12000, 0x12002),)))
    )
    assert fonts.cover(set("a茶🎉𒀀𒀂𒀃")) == fonts.Coverage(("Cuneiform One", "Two"), "𒀃")


@pytest.mark.parametrize(
    "text",
    [
        " " + " ".join(map(chr, range(0x591, 0x5C8))),
        " ".join(map(chr, range(0x300, 0x370))),
        "".join(c for c in map(chr, range(0x20, 0x2000)) if unicodedata.category(c).startswith("M")),
        "\u200b\u2028\u2029\u00ad\ue000\U0010ffff\ufffd",
        "مرحبا" * 3000,
        "👨‍👩‍👧🇨🇳" * 500,
    ],
)
def test_no_letters_make_the_typesetter_fail(text: str) -> None:
    assert pdf_text(article_of(Section(f"start {text} end")))


def test_a_word_longer_than_its_line_stays_on_the_page() -> None:
    word = "abcdefghij" * 30
    article = article_of(Section(word), Section(f"| a | b |\n|---|---|\n| {word} | x |"), Section(f"- `{word}`"))
    assert "".join(pdf_text(article).split()).count(word) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [("مرحبا abc", True), ("🎉 1. שלום", True), ("abc مرحبا", False), ("123 …", False), ("茶", False)],
)
def test_the_first_letter_decides_the_direction(text: str, expected: bool) -> None:
    assert is_right_to_left(text) is expected


def test_word_knows_direction_language_and_fonts() -> None:
    sections = (
        "مرحبا **بالعالم** abc",
        "abc שלום",
        "日本語の**段落**です",
        "한국어",
        "ภาษาไทย हिन्दी",
        "- قائمة",
        "| طريق | كم |\n|-|-|\n| ا | 2 |",
    )
    data = export(article_of(*map(Section, sections), title="عنوان"), "docx", lambda key: b"", {})
    document = docx.Document(BytesIO(data))
    made = {p.text: p for p in document.paragraphs}
    right = [text for text, p in made.items() if p._p.pPr is not None and p._p.pPr.find(qn("w:bidi")) is not None]
    assert right == ["عنوان", "مرحبا بالعالم abc", "قائمة"]
    arabic = made["مرحبا بالعالم abc"].runs
    assert [(run.text, run.font.rtl, run.font.cs_bold) for run in arabic] == [
        ("مرحبا", True, None),
        (" ", None, None),
        ("بالعالم", True, True),
        (" abc", None, None),
    ]
    xml = ZipFile(BytesIO(data)).read("word/document.xml").decode()
    for tag in (
        'w:bidi="ar-SA"',
        'w:bidi="he-IL"',
        'w:bidi="th-TH"',
        'w:bidi="hi-IN"',
        'w:eastAsia="ja-JP"',
        'w:eastAsia="ko-KR"',
    ):
        assert f"<w:lang {tag}/>" in xml
    assert '<w:bidiVisual w:val="1"/>' in xml or "<w:bidiVisual/>" in xml
    styles = ZipFile(BytesIO(data)).read("word/styles.xml").decode()
    assert '<w:lang w:val="en-US" w:eastAsia="zh-CN" w:bidi="ar-SA"/>' in styles and "w:szCs" in styles


def test_what_is_between_two_words_of_a_script_is_the_scripts() -> None:
    parts = [(text, script.language if script else "") for text, script in split_scripts("abc مرحبا، بالعالم xyz ไทย")]
    assert parts == [("abc ", ""), ("مرحبا، بالعالم", "ar-SA"), (" xyz ", ""), ("ไทย", "th-TH")]
