"""Word."""

from __future__ import annotations

from studio.documents.article import Article
from studio.export.images import ReadPicture
from studio.export.registry import About, Format


def article(article: Article, read_picture: ReadPicture, about: About) -> bytes:
    """The document."""
    from studio.export.word_document import article_docx  # brings a large library along

    return article_docx(article, read_picture, about)


FORMAT = Format(
    "docx",
    ("Word", "Word 文档"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    rank=40,
    article=article,
)
