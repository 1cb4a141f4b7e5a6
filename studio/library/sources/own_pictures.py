"""The pictures that came with the instruction. They are looked at first, so that they can be matched with the text;
where that fails they are matched by their names, or taken in their order."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from studio.documents.article import Picture
from studio.errors import EngineError, StudioError
from studio.library.index import Embed
from studio.library.picture_sources import Candidate, Source, SourceContext
from studio.prompts import replies
from studio.protocol import Image

Vector = tuple[float, ...]


@dataclass(frozen=True)
class OwnPictures:
    """Each picture with the vector of its caption; empty where there is none."""

    pictures: tuple[tuple[Picture, Vector], ...]
    embed: Embed

    def find(self, query: str, limit: int, exclude: Set[str], by_meaning: bool) -> list[Candidate]:
        """By meaning alone: without it, in their order."""
        left = [(picture, vector) for picture, vector in self.pictures if picture.key not in exclude]
        about = self.embed((query,))[0] if left and by_meaning else ()
        found = [Candidate(picture, picture.title or "", _dot(vector, about)) for picture, vector in left]
        return sorted(found, key=lambda f: -f.score)[:limit]


def open_own(context: SourceContext) -> tuple[OwnPictures, StudioError | None]:
    """Look at the pictures. Gives the last error of those that could not be looked at, or be turned into vectors."""
    error: StudioError | None = None
    captions: list[str] = []
    vectors: tuple[Vector, ...] = ((),) * len(context.own)
    for picture in context.own:
        try:
            description = context.describe(Image(picture.key, context.read(picture.key)))
            captions.append(f"{picture.title} {replies.describe_in_words(1, 1, description)}")
        except StudioError as e:
            captions.append(picture.title)
            error = e
    try:
        vectors = context.embed(tuple(captions))
    except EngineError as e:
        error = e
    return OwnPictures(tuple(zip(context.own, vectors, strict=True)), context.embed), error


def _dot(a: Vector, b: Vector) -> float:
    """0 where one of them is missing."""
    return sum(x * y for x, y in zip(a, b, strict=True)) if a and b else 0.0


SOURCE = Source("own pictures", 10, open_own)
