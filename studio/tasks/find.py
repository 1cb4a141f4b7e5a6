"""Finding pictures for an article: the sources of pictures are asked in their order, a person's own ones first.

Where looking or measuring meaning fails, names and text must do: a picture that fits less well is better than none. A
source that fails is passed over, and the others are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

from studio.documents.article import Picture
from studio.errors import EngineError, Language, StudioError
from studio.library.index import Library
from studio.library.picture_sources import Candidate as Candidate
from studio.library.picture_sources import OpenSource, SourceContext, all_sources
from studio.protocol import Describe, Description, Image
from studio.tasks.embedding import Embedder
from studio.worker.client import WorkerClient


class PictureFinder:
    """Searches for one article: `prepare` it with the own pictures, then `find` for each place."""

    def __init__(self, worker: WorkerClient, embed: Embedder, library: Library, read: Callable[[str], bytes]) -> None:
        self._worker = worker
        self._embed = embed
        self._library = library
        self._read = read
        self._sources: list[OpenSource] = []
        self._failed: StudioError | None = None

    def prepare(self, own: tuple[Picture, ...], language: Language) -> StudioError | None:
        """Open the sources; returns the last error that one of them worked around. One that cannot be opened is passed
        over, see `failed`."""
        context = SourceContext(own, language, self._library, self._describe, self._embed, self._read)
        worked_around: StudioError | None = None
        self._sources = []
        for source in all_sources():
            try:
                opened, error = source.open(context)
            except StudioError as e:
                self._failed = e
                continue
            self._sources.append(opened)
            worked_around = error or worked_around
        return worked_around

    def best_scores(self, queries: Sequence[str]) -> list[float]:
        """The score of the best picture for each text; 0 where there is none."""
        by_meaning = True
        try:
            self._embed(tuple(queries))  # all in one call
        except EngineError:
            by_meaning = False
        found = [self.find(query, 1, frozenset(), by_meaning) for query in queries]
        return [hits[0].score if hits else 0.0 for hits in found]

    def find(self, query: str, limit: int, used: Set[str], by_meaning: bool = True) -> list[Candidate]:
        """Up to `limit` unused pictures of the first source that has any, best first. Raises the error of a source that
        failed when no other has any, see `failed` for when one has."""
        failed: StudioError | None = None
        for source in self._sources:
            try:
                found = _ask(source, query, limit, used, by_meaning)
            except StudioError as e:
                failed = e
                continue
            if found:
                self._failed = failed or self._failed
                return found
        if failed:
            raise failed
        return []

    def failed(self) -> StudioError | None:
        """The last error of a source that was passed over, once."""
        error, self._failed = self._failed, None
        return error

    def _describe(self, image: Image) -> Description:
        description = self._worker.submit(Describe(image)).result()
        assert isinstance(description, Description)
        return description


def _ask(source: OpenSource, query: str, limit: int, used: Set[str], by_meaning: bool) -> list[Candidate]:
    if by_meaning:
        try:
            return source.find(query, limit, used, by_meaning=True)
        except EngineError:
            pass  # words know, too
    return source.find(query, limit, used, by_meaning=False)
