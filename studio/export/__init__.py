"""Articles, conversations and tables as files: bytes out, nothing read but the pictures through `read_picture`.

A picture that cannot be read never stops an export: the words say in its place which one is missing.
`about` is what about.json and the About sheet tell: instruction, outline, settings, seed, model, created, updated,
studio (its version); mappings, lists and dataclasses in it are written out, anything else as its words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studio.documents.article import Article
from studio.documents.conversation import Conversation
from studio.documents.table import Table
from studio.errors import InputError
from studio.export import html, markdown, spreadsheet
from studio.export import table_files as tables
from studio.export.clean_text import label, language_of, stem, unmarked
from studio.export.images import ReadPicture
from studio.export.markdown import article_files, conversation_files

__all__ = [
    "CONVERSATION_FORMATS",
    "FORMATS",
    "TABLE_FORMATS",
    "Format",
    "article_files",
    "conversation_files",
    "export",
    "export_conversation",
    "export_table",
    "filename",
]


@dataclass(frozen=True)
class Format:
    """A kind of file: its suffix with the dot, its media type, its name in both languages."""

    suffix: str
    mime: str
    label: str
    label_zh: str


FORMATS: Mapping[str, Format] = {
    "zip": Format(".zip", "application/zip", "Markdown with pictures (zip)", "Markdown 与图片（zip）"),
    "md": Format(".md", "text/markdown; charset=utf-8", "Markdown, text only", "Markdown（仅文字）"),
    "xlsx": Format(
        ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "Excel sheet", "Excel 表格"
    ),
    "html": Format(".html", "text/html; charset=utf-8", "Web page, one file", "网页（单个文件）"),
    "docx": Format(
        ".docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "Word document",
        "Word 文档",
    ),
    "pdf": Format(".pdf", "application/pdf", "PDF", "PDF"),
}
CONVERSATION_FORMATS: Mapping[str, Format] = {name: FORMATS[name] for name in ("zip", "xlsx")}
TABLE_FORMATS: Mapping[str, Format] = {
    "xlsx": FORMATS["xlsx"],
    "csv": Format(".csv", "text/csv; charset=utf-8", "CSV, text only", "CSV（仅文字）"),
}


def export(article: Article, format: str, read_picture: ReadPicture, about: Mapping[str, object]) -> bytes:
    """The article as a file of that format. Raises InputError for a format not in FORMATS.

    "md" is the words alone, captions where the pictures were. For a text with its pictures in a folder beside it take
    `article_files`. The same article, pictures and about give the same bytes.
    """
    _check(format, FORMATS)
    if format == "md":
        return markdown.text_only(article).encode()
    if format == "xlsx":
        return spreadsheet.article_sheet(article, read_picture, about)
    if format == "html":
        return html.article_page(article, read_picture, about)
    if format == "docx":
        from studio.export import docx  # these two bring large libraries along, so only when they are wanted

        return docx.article_docx(article, read_picture, about)
    if format == "pdf":
        from studio.export import pdf

        return pdf.article_pdf(article, read_picture, about)
    text, files, pictures = article_files(article, read_picture)
    return markdown.archive("article.md", text, files, {**about, **pictures})


def export_conversation(
    conversation: Conversation, format: str, read_picture: ReadPicture, about: Mapping[str, object]
) -> bytes:
    """The conversation as a file of that format. Raises InputError for a format not in CONVERSATION_FORMATS."""
    _check(format, CONVERSATION_FORMATS)
    if format == "xlsx":
        return spreadsheet.conversation_sheet(conversation, read_picture, about)
    text, files, pictures = conversation_files(conversation, read_picture)
    return markdown.archive("conversation.md", text, files, {**about, **pictures})


def export_table(table: Table, format: str, read_picture: ReadPicture) -> bytes:
    """The table of answers as a file of that format. Raises InputError for a format not in TABLE_FORMATS."""
    _check(format, TABLE_FORMATS)
    return tables.csv_file(table) if format == "csv" else tables.sheet(table, read_picture)


def filename(exported: Article | Conversation | Table, format: str) -> str:
    """A file name from the title, or the first question, that every system takes. Chinese stays Chinese."""
    known = {**FORMATS, **TABLE_FORMATS}
    _check(format, known)
    if isinstance(exported, Article):
        name, kind = unmarked(exported.title), "article"
    elif isinstance(exported, Table):
        name, kind = exported.questions[0], "table"
    else:
        name, kind = next((turn.question for turn in exported.turns), ""), "conversation"
    return stem(name, fallback=label(kind, language_of(exported)).lower()) + known[format].suffix


def _check(format: str, known: Mapping[str, Format]) -> None:
    if format not in known:
        raise InputError("format_unknown", format=format, known=", ".join(known))
