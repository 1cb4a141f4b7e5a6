from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.documents.article import Article, Section
from studio.documents.conversation import Conversation
from studio.documents.file_names import slug
from studio.errors import InputError
from studio.export import export, filename, formats_for
from studio.export.clean_text import LABELS, document_language, pieces
from studio.markdown import clean

from .conftest import article_of

Read = Callable[[str], bytes]


@pytest.mark.parametrize("format", ["odt", "", "ZIP", ".md"])
def test_an_unknown_format_is_said(format: str, tea: Article, talk: Conversation, read_picture: Read) -> None:
    with pytest.raises(InputError, match="zip, xlsx, html"):
        export(tea, format, read_picture, {})
    with pytest.raises(InputError, match="choose one of zip, xlsx"):
        export(talk, format, read_picture, {})


@pytest.mark.parametrize("format", formats_for("article"))
def test_the_same_gives_the_same_bytes_and_an_empty_article_is_no_error(
    format: str, tea: Article, read_picture: Read
) -> None:
    assert export(tea, format, read_picture, {"a": 1}) == export(tea, format, read_picture, {"a": 1})
    assert export(article_of(title=""), format, read_picture, {})


@pytest.mark.parametrize("format", formats_for("conversation"))
def test_an_empty_conversation_is_no_error(format: str, read_picture: Read) -> None:
    assert export(Conversation(), format, read_picture, {})


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("The tea road", "The tea road.zip"),
        ("秋天的茶：一", "秋天的茶：一.zip"),
        ("../../etc/passwd", "etc passwd.zip"),
        ("a/b\\c:d*e?f", "a b c d e f.zip"),
        ("CON", "article.zip"),
        ("", "article.zip"),
        ("...", "article.zip"),
        ("\u202egpj.exe", "gpj.exe.zip"),
        ("*Bold* title", "Bold title.zip"),
        ("x" * 300, "x" * 60 + ".zip"),
        ("\ud800\x00", "article.zip"),
    ],
)
def test_file_names(title: str, name: str) -> None:
    assert filename(article_of(title=title), "zip") == name


def test_file_names_of_conversations(talk: Conversation) -> None:
    assert filename(talk, "xlsx") == "What are these two.xlsx"
    assert filename(Conversation(), "zip") == "conversation.zip"


@settings(deadline=None)
@given(st.text())
def test_any_title_gives_a_file_name(title: str) -> None:
    name = filename(article_of(title=title), "html")
    assert 5 < len(name.encode()) <= 190
    assert not set(name) & set('/\\:*?"<>|\x00\n')
    assert not name.startswith((".", "-", " "))


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("The Café's door!", "the-cafes-door"),
        ("茶馆 & Tea", "茶馆-tea"),
        ("🦊", ""),
        ("a" * 60, "a" * 40),
        ("../x", "x"),
    ],
)
def test_slugs(text: str, made: str) -> None:
    assert slug(text) == made


@settings(deadline=None)
@given(st.text(), st.integers(2, 30))
def test_pieces_join_to_the_text_and_fit(text: str, limit: int) -> None:
    parts = list(pieces(clean(text), limit))
    assert "".join(parts) == clean(text)
    assert all(len(part.encode("utf-16-le")) // 2 <= limit for part in parts)


def test_languages(tea: Article, tea_zh: Article) -> None:
    assert document_language(tea) == "en"
    assert document_language(tea_zh) == "zh"
    assert document_language(article_of(Section("The word for tea is 茶, said chá in most of the country."))) == "en"
    assert document_language(article_of(title="", instruction="写一篇文章")) == "zh"


def test_every_label_has_two_languages_with_the_same_facts() -> None:
    for english, chinese in LABELS.values():
        assert english
        assert chinese
        assert english.count("{") == chinese.count("{")
