"""Markdown: the words alone, captions where the pictures were; on a disk with the pictures in a folder beside it."""

from __future__ import annotations

from collections.abc import Mapping

from studio.documents.article import Article
from studio.export import markdown_files
from studio.export.images import ReadPicture
from studio.export.registry import About, Format


def article(article: Article, read_picture: ReadPicture, about: About) -> bytes:
    """The text without pictures."""
    return markdown_files.text_only(article).encode()


def folder(article: Article, read_picture: ReadPicture) -> tuple[bytes, Mapping[str, bytes]]:
    """The text and the pictures it shows, by their path beside it."""
    text, files, _ = markdown_files.article_files(article, read_picture)
    return text.encode(), files


FORMAT = Format(
    "md",
    ("Markdown, text only", "Markdown（仅文字）"),
    "text/markdown; charset=utf-8",
    rank=60,
    article=article,
    folder=folder,
)
