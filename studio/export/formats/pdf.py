"""PDF."""

from __future__ import annotations

from studio.documents.article import Article
from studio.export.images import ReadPicture
from studio.export.registry import About, Format


def article(article: Article, read_picture: ReadPicture, about: About) -> bytes:
    """The pages."""
    from studio.export.pdf_document import article_pdf  # brings a large library along

    return article_pdf(article, read_picture, about)


FORMAT = Format("pdf", ("PDF", "PDF"), "application/pdf", rank=50, article=article)
