"""The senses that serve every engine: eyes and meaning, each loaded when first used."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from studio.protocol import Description, Image

if TYPE_CHECKING:
    from studio.auxiliary.image_tagger import Eyes
    from studio.auxiliary.text_embedder import Meaning


class StarterSenses:
    """`Eyes` and `Meaning` behind the `Senses` protocol."""

    def __init__(self, threads: int = 0) -> None:
        self._threads = threads

    @cached_property
    def _eyes(self) -> Eyes:
        from studio.auxiliary.image_tagger import (
            Eyes,  # torch and timm take seconds to import: not before they are needed
        )

        return Eyes(self._threads)

    @cached_property
    def _meaning(self) -> Meaning:
        from studio.auxiliary.text_embedder import Meaning

        return Meaning()

    def describe(self, image: Image) -> Description:
        """Labels and readable text."""
        return self._eyes.describe(image)

    def embed(self, texts: tuple[str, ...]) -> list[tuple[float, ...]]:
        """Unit vectors."""
        return [tuple(vector) for vector in self._meaning.embed(texts)]
