"""One document with everything in every format: many scripts, right-to-left, formulas, code, tables, pictures."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import docx
import pytest
from pypdf import PdfReader

from studio.documents.article import Article, Section
from studio.export import export, formats_for
from studio.markdown import split

from .conftest import FILES, article_of, shown

EVERYTHING = Path(__file__).parents[1] / "data" / "everything.md"


@pytest.fixture
def everything() -> Article:
    title, sections = split("# 多语言 مرحبا Title 🎉\n\n" + EVERYTHING.read_text("utf-8"))
    made = [Section(section) for section in sections]
    made[1] = replace(made[1], illustration=shown("webp", "منظر الجبال"))
    made[-1] = replace(made[-1], illustration=shown("png", "薄雾中的梯田 한국어 🎉"))
    return article_of(*made, title=title)


def test_every_format_holds_everything(everything: Article) -> None:
    made = {name: export(everything, name, FILES.__getitem__, {}) for name in formats_for("article")}
    html = made["html"].decode()
    assert html.count("<math") == 5 and html.count('display="block"') >= 2 and '<ul dir="rtl">' in html
    assert "价格是 $5 和 $6 不变" in html and "Programming in C#" in html and "[Note]: bring a coat" in html
    document = docx.Document(BytesIO(made["docx"]))
    assert len(document.element.body.xpath(".//m:oMath")) == 5 and len(document.inline_shapes) == 2
    reader = PdfReader(BytesIO(made["pdf"]))
    text = "".join("".join(page.extract_text() for page in reader.pages).split())
    assert "价格是$5和$6不变" in text and "한국어문단입니다" in text and "\\frac" not in text
    assert sum(len(page.images) for page in reader.pages) == 2
    assert r"\frac{n(n+1)(2n+1)}{6}" in made["md"].decode()


def test_the_same_document_gives_the_same_bytes(everything: Article) -> None:
    for name in formats_for("article"):
        assert export(everything, name, FILES.__getitem__, {}) == export(everything, name, FILES.__getitem__, {}), name
