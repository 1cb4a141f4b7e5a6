"""Markdown and the picture files it shows, zipped."""

from __future__ import annotations

from studio.documents.article import Article
from studio.documents.conversation import Conversation
from studio.export import markdown_files
from studio.export.images import ReadPicture
from studio.export.registry import About, Format


def article(article: Article, read_picture: ReadPicture, about: About) -> bytes:
    """The zip of an article."""
    text, files, pictures = markdown_files.article_files(article, read_picture)
    return markdown_files.archive("article.md", text, files, {**about, **pictures})


def conversation(conversation: Conversation, read_picture: ReadPicture, about: About) -> bytes:
    """The zip of a conversation."""
    text, files, pictures = markdown_files.conversation_files(conversation, read_picture)
    return markdown_files.archive("conversation.md", text, files, {**about, **pictures})


FORMAT = Format(
    "zip",
    ("Markdown with pictures (zip)", "Markdown 与图片（zip）"),
    "application/zip",
    rank=10,
    short=("Markdown", "Markdown"),
    article=article,
    conversation=conversation,
)
