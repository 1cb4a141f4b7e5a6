"""Finding pictures for an article: a person's own ones first, each at most once, then the library's."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

from studio.documents.article import Picture
from studio.errors import Language
from studio.library.index import Library
from studio.prompts import replies
from studio.protocol import Describe, Description, Image
from studio.tasks.embedding import Embedder, Vector
from studio.worker.client import WorkerClient


@dataclass(frozen=True)
class Found:
    """A picture, its caption, and how well it fits (higher is better; comparable within one search only)."""

    picture: Picture
    caption: str
    score: float


class Finder:
    """Searches for one article: `prepare` it with the own pictures, then `find` for each place."""

    def __init__(self, lane: WorkerClient, embed: Embedder, library: Library, read: Callable[[str], bytes]) -> None:
        self._lane = lane
        self._embed = embed
        self._library = library
        self._read = read
        self._own: list[tuple[Found, Vector]] = []
        self._language: Language = "en"

    def prepare(self, own: tuple[Picture, ...], language: Language) -> None:
        """Look at the own pictures, so that they can be matched with the text."""
        self._language = language
        captions = [self._caption(picture) for picture in own]
        vectors = self._embed(tuple(captions))
        self._own = [(Found(p, p.title or "", 0.0), v) for p, v in zip(own, vectors, strict=True)]

    def promises(self, queries: Sequence[str]) -> list[float]:
        """For each text, how good the best picture for it would be."""
        self._embed(tuple(queries))  # all in one call
        found = [self.find(query, 1, frozenset()) for query in queries]
        return [hits[0].score if hits else 0.0 for hits in found]

    def find(self, query: str, limit: int, used: Set[str]) -> list[Found]:
        """Up to `limit` unused pictures, best first. While own ones are left, only those."""
        own = [(found, vector) for found, vector in self._own if found.picture.key not in used]
        if own:
            (about,) = self._embed((query,))
            scored = [Found(f.picture, f.caption, sum(a * b for a, b in zip(v, about, strict=True))) for f, v in own]
            return sorted(scored, key=lambda f: -f.score)[:limit]
        hits = self._library.search(query, limit=limit, exclude=tuple(used), language=self._language, fill=True)
        return [Found(hit.picture, hit.caption, hit.score) for hit in hits]

    def _caption(self, picture: Picture) -> str:
        description = self._lane.submit(Describe(Image(picture.key, self._read(picture.key)))).result()
        assert isinstance(description, Description)
        return f"{picture.title} {replies.sight(1, 1, description)}"
