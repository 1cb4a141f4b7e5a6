"""Whatever is typed, each of its words is on the page and in every file.

STUDIO_TEST_DOCUMENTS=5000 tries that many documents; by default it is a quick slice.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from io import BytesIO
from itertools import count
from zipfile import ZipFile

import docx
import openpyxl
from docx.oxml.ns import qn
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from studio.documents.article import Article, Section
from studio.export import export
from studio.markdown import sections
from studio.ui.article_view import html

from .conftest import article_of

DOCUMENTS = int(os.environ.get("STUDIO_TEST_DOCUMENTS", 100))
TOGETHER = 20  # documents of one article, so that each file is made once for all of them

WORD, HAN = "\0", "\1"  # replaced by a word of its own
PIECES = [WORD] * 6 + [HAN] * 3 + [" "] * 6 + ["\n"] * 4 + ["\n\n"] * 5
PIECES += [
    "*",
    "**",
    "***",
    "_",
    "__",
    "`",
    "``",
    "~~",
    "[",
    "]",
    "(",
    ")",
    "](",
    "](http://e.org)",
    "](/x)",
    "![",
    "<",
    ">",
]
PIECES += [
    "# ",
    "## ",
    "###### ",
    " #",
    "- ",
    "+ ",
    "* ",
    "1. ",
    "2) ",
    "> ",
    ">",
    "  ",
    "    ",
    "\t",
    "---",
    "===",
    "***\n",
]
PIECES += [
    "|",
    " | ",
    "\n-|-\n",
    "\n|---|:-:|\n",
    "```\n",
    "~~~\n",
    "<b>",
    "</b>",
    "<!--",
    "-->",
    "<script>",
    "<br>",
    "&",
]
PIECES += [
    "&lt;",
    "\\",
    "$",
    "$$",
    "\\(",
    "\\)",
    "\\[",
    "\\]",
    "[^1]: ",
    "]: ",
    ": ",
    "“",
    "”",
    "。",
    "（",
    "）",
    "，",
    "\u3000",
]
PIECES += [
    "\n" + WORD + " | " + WORD + "\n--|--\n" + WORD + " | " + WORD + " | " + WORD + "\n",
    "C#",
    "\x0b",
    "\u200b",
    "🦊",
]


def written(pieces: list[list[str]]) -> list[str]:
    """The documents, no word of them twice."""
    number = count(1)
    texts = ("".join(document) for document in pieces)
    return [re.sub("[\0\1]", lambda m: f"{'w茶'[m[0] == HAN]}{next(number):04}{'q水'[m[0] == HAN]}", t) for t in texts]


def words_of(text: str) -> set[str]:
    """Those that must be seen: all but what names the language of a fence, and where a link leads to."""
    shown = re.sub(r"^.*(```|~~~).*$", "", text, flags=re.M)
    return set(re.findall(r"w\d{4}q|茶\d{4}水", re.sub(r"\]\(http[^)\n]*\)", "", shown)))


class Words(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def page(article: Article) -> str:
    return "".join("".join(Words(html(section.text)).words) for section in article.sections)


def file(format: str) -> Callable[[Article], bytes]:
    return lambda article: export(article, format, lambda key: b"", {})


def word_file(article: Article) -> str:
    body = docx.Document(BytesIO(file("docx")(article))).element.body
    return "".join(node.text or "" for node in body.iter(qn("w:t"), qn("m:t")))


def sheet(article: Article) -> str:
    rows = openpyxl.load_workbook(BytesIO(file("xlsx")(article))).worksheets[0].iter_rows(values_only=True)
    return "".join(str(value) for row in rows for value in row)


READERS: dict[str, Callable[[Article], str]] = {
    "page": page,
    "html": lambda article: "".join(Words(file("html")(article).decode()).words),
    "docx": word_file,
    "pdf": lambda article: "".join(p.extract_text() for p in PdfReader(BytesIO(file("pdf")(article))).pages),
    "xlsx": sheet,
    "md": lambda article: file("md")(article).decode(),
    "zip": lambda article: ZipFile(BytesIO(file("zip")(article))).read("article.md").decode(),
}


@settings(max_examples=max(1, DOCUMENTS // TOGETHER), deadline=None)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=40), min_size=TOGETHER, max_size=TOGETHER))
def test_every_word_is_on_the_page_and_in_every_file(pieces: list[list[str]]) -> None:
    texts = written(pieces)
    article = article_of(*(Section(section) for text in texts for section in sections(text)))
    expected = {word for text in texts for word in words_of(text)}
    for name, read in READERS.items():
        found = "".join(read(article).split())
        assert {word for word in expected if word not in found} == set(), name
