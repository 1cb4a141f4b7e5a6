"""Finding pictures for an article: the person's uploads first, each at most once, then the library's.

Where the image tagger or the text embedder fails, file names and text search must do: a picture that fits less well is
better than none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace

from studio.documents.article import Picture
from studio.errors import EngineError, Language, StudioError
from studio.library.index import Library
from studio.prompts import replies
from studio.protocol import Describe, Description, Image
from studio.tasks.embedding import Embedder, Vector
from studio.worker.client import WorkerClient


@dataclass(frozen=True)
class Candidate:
    """A picture, its caption, and how well it fits (higher is better; comparable within one search only)."""

    picture: Picture
    caption: str
    score: float


class PictureFinder:
    """Searches for one article: `prepare` it with the person's pictures, then `find` for each place."""

    def __init__(self, worker: WorkerClient, embed: Embedder, library: Library, read: Callable[[str], bytes]) -> None:
        self._worker = worker
        self._embed = embed
        self._library = library
        self._read = read
        self._uploaded: list[tuple[Candidate, Vector]] = []
        self._language: Language = "en"

    def prepare(self, own: tuple[Picture, ...], language: Language) -> StudioError | None:
        """Describe and embed the person's pictures, so that they can be matched with the text. Where that fails they
        are matched by their names, or taken in their order; returns the last error of those, or None."""
        self._language = language
        error: StudioError | None = None
        captions: list[str] = []
        vectors: tuple[Vector, ...] = ((),) * len(own)
        for picture in own:
            try:
                captions.append(self._caption(picture))
            except StudioError as e:
                captions.append(picture.title)
                error = e
        try:
            vectors = self._embed(tuple(captions))
        except EngineError as e:
            error = e
        self._uploaded = [(Candidate(p, p.title or "", 0.0), v) for p, v in zip(own, vectors, strict=True)]
        return error

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
        """Up to `limit` unused pictures, best first. While pictures of the person are left, only those."""
        if by_meaning:
            try:
                return self._find(query, limit, used, by_meaning=True)
            except EngineError:
                pass  # text search is left
        return self._find(query, limit, used, by_meaning=False)

    def _find(self, query: str, limit: int, used: Set[str], by_meaning: bool) -> list[Candidate]:
        own = [(found, vector) for found, vector in self._uploaded if found.picture.key not in used]
        if own:
            about = self._embed((query,))[0] if by_meaning else ()
            scored = [replace(f, score=_dot(v, about)) for f, v in own]
            return sorted(scored, key=lambda f: -f.score)[:limit]
        hits = self._library.search(
            query, limit=limit, exclude=tuple(used), language=self._language, fill=True, by_meaning=by_meaning
        )
        return [Candidate(hit.picture, hit.caption, hit.score) for hit in hits]

    def _caption(self, picture: Picture) -> str:
        description = self._worker.submit(Describe(Image(picture.key, self._read(picture.key)))).result()
        assert isinstance(description, Description)
        return f"{picture.title} {replies.describe_in_words(1, 1, description)}"


def _dot(a: Vector, b: Vector) -> float:
    """0 where one of them is missing."""
    return sum(x * y for x, y in zip(a, b, strict=True)) if a and b else 0.0
