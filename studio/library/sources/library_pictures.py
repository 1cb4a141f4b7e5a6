"""The library: any picture rather than none, the best first."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from studio.errors import Language
from studio.library.index import Library
from studio.library.picture_sources import Candidate, Source


@dataclass(frozen=True)
class LibraryPictures:
    """The library, with captions in the language of the article."""

    library: Library
    language: Language

    def find(self, query: str, limit: int, exclude: Set[str], by_meaning: bool) -> list[Candidate]:
        """See `Library.search`."""
        hits = self.library.search(
            query, limit=limit, exclude=exclude, language=self.language, fill=True, by_meaning=by_meaning
        )
        return [Candidate(hit.picture, hit.caption, hit.score) for hit in hits]


SOURCE = Source("library", 90, lambda context: (LibraryPictures(context.library, context.language), None))
