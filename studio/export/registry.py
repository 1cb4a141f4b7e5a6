"""The export formats: each is a module in `formats/` with one entry, `FORMAT`, found by being there.

What can be downloaded, the page's buttons and their words, the suffixes of `--out` and the formats that endpoints know
all come from these entries.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

from studio.documents.article import Article
from studio.documents.conversation import Conversation
from studio.documents.table import Table
from studio.errors import InputError
from studio.export import formats as _entries
from studio.export.images import ReadPicture

Kind = Literal["article", "conversation", "table"]
Document: TypeAlias = Article | Conversation | Table
About: TypeAlias = Mapping[str, object]
Words: TypeAlias = tuple[str, str]  # English, Chinese


@dataclass(frozen=True)
class Format:
    """A kind of file. `article`, `conversation` and `table` make its bytes of such a document, None where there is no
    such file; they import what is heavy when they are called. `folder` makes the text of an article with the files to
    lay beside it, where a command line writes more than one file. `rank` orders menus."""

    name: str  # also the suffix, without the dot
    words: Words  # what a menu calls it
    mime: str
    rank: int
    short: Words = ("", "")  # on a button, where `words` are too long
    article: Callable[[Article, ReadPicture, About], bytes] | None = None
    conversation: Callable[[Conversation, ReadPicture, About], bytes] | None = None
    table: Callable[[Table, ReadPicture, About], bytes] | None = None
    folder: Callable[[Article, ReadPicture], tuple[bytes, Mapping[str, bytes]]] | None = None

    @property
    def button(self) -> Words:
        """What a button calls it."""
        return self.short if any(self.short) else self.words


def formats_for(kind: Kind) -> dict[str, Format]:
    """The formats for documents of a kind by name, in the order of menus."""
    return {format.name: format for format in _all() if getattr(format, kind)}


def find_format(kind: Kind, name: str) -> Format:
    """The format of that name. Raises InputError, which tells the names there are."""
    known = formats_for(kind)
    if name not in known:
        raise InputError("format_unknown", format=name, known=", ".join(known))
    return known[name]


def kind_of(document: Document) -> Kind:
    """What a document is."""
    if isinstance(document, Article):
        return "article"
    return "table" if isinstance(document, Table) else "conversation"


@cache
def _all() -> tuple[Format, ...]:
    names = (f"{_entries.__name__}.{module.name}" for module in pkgutil.iter_modules(_entries.__path__))
    modules = map(importlib.import_module, names)
    return tuple(sorted((module.FORMAT for module in modules), key=lambda format: format.rank))
