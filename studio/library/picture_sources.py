"""Where pictures for an article come from: each source is a module in `sources/` with one entry, `SOURCE`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Set
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from studio.documents.article import Picture
from studio.errors import Language, StudioError
from studio.library import sources as _entries
from studio.library.index import Describe, Embed, Library


@dataclass(frozen=True)
class Candidate:
    """A picture, its caption, and how well it fits (higher is better; comparable within one search only)."""

    picture: Picture
    caption: str
    score: float


@dataclass(frozen=True)
class SourceContext:
    """What a source may use for one article: the pictures of its brief, the language of its text, the library, the
    models through `describe` and `embed` (both raise EngineError), and `read` for the file of a stored picture."""

    own: tuple[Picture, ...]
    language: Language
    library: Library
    describe: Describe
    embed: Embed
    read: Callable[[str], bytes]


class OpenSource(Protocol):
    """A source for one article."""

    def find(self, query: str, limit: int, exclude: Set[str], by_meaning: bool) -> list[Candidate]:
        """Up to `limit` pictures whose keys are not in `exclude`, best first; empty: the next source is asked. Each is
        in the store by now. With `by_meaning` an EngineError means: ask again without, by words alone. Another
        StudioError means that this source is passed over for this search."""
        ...


@dataclass(frozen=True)
class Source:
    """One kind of source. Those of lower `rank` are asked first. `open` gives the source for one article and the error
    that it had to work around, if there was one."""

    name: str
    rank: int
    open: Callable[[SourceContext], tuple[OpenSource, StudioError | None]]


@cache
def all_sources() -> tuple[Source, ...]:
    """In the order in which they are asked."""
    names = (f"{_entries.__name__}.{module.name}" for module in pkgutil.iter_modules(_entries.__path__))
    modules = map(importlib.import_module, names)
    return tuple(sorted((module.SOURCE for module in modules), key=lambda source: source.rank))
