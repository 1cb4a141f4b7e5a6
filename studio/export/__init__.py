"""Articles, conversations and tables as files: bytes out, nothing read but the pictures through `read_picture`.

A picture that cannot be read never stops an export: the words say in its place which one is missing.
`about` is what about.json and the About sheet tell: instruction, outline, settings, seed, model, created, updated,
studio (its version); mappings, lists and dataclasses in it are written out, anything else as its words.
"""

from __future__ import annotations

from collections.abc import Mapping

from studio.documents.article import Article
from studio.documents.file_names import file_stem
from studio.documents.table import Table
from studio.export.clean_text import document_language, label, plain_title
from studio.export.images import ReadPicture
from studio.export.registry import Document, Format, Kind, find_format, formats_for, kind_of

__all__ = ["Document", "Format", "Kind", "export", "filename", "find_format", "formats_for"]


def export(document: Document, format: str, read_picture: ReadPicture, about: Mapping[str, object]) -> bytes:
    """The document as a file of that format. Raises InputError for a format that there is none of for its kind.

    The same document, pictures and about give the same bytes.
    """
    kind = kind_of(document)
    data: bytes = getattr(find_format(kind, format), kind)(document, read_picture, about)
    return data


def filename(document: Document, format: str) -> str:
    """A file name from the title, or the first question, that every system takes. Chinese stays Chinese."""
    kind = kind_of(document)
    find_format(kind, format)
    if isinstance(document, Article):
        name = plain_title(document.title)
    elif isinstance(document, Table):
        name = document.questions[0]
    else:
        name = next((turn.question for turn in document.turns), "")
    return f"{file_stem(name, fallback=label(kind, document_language(document)).lower())}.{format}"
