"""The auxiliary models that serve every engine: image tagger and text embedder, each loaded when first used."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from studio.protocol import Description, Image

if TYPE_CHECKING:
    from studio.auxiliary.image_tagger import ImageTagger
    from studio.auxiliary.text_embedder import TextEmbedder


class LocalAuxiliaryModels:
    """`ImageTagger` and `TextEmbedder` behind the `AuxiliaryModels` protocol."""

    def __init__(self, threads: int = 0) -> None:
        self._threads = threads

    @cached_property
    def _image_tagger(self) -> ImageTagger:
        from studio.auxiliary.image_tagger import (
            ImageTagger,  # torch and timm take seconds to import: not before they are needed
        )

        return ImageTagger(self._threads)

    @cached_property
    def _text_embedder(self) -> TextEmbedder:
        from studio.auxiliary.text_embedder import TextEmbedder

        return TextEmbedder(self._threads)

    def describe(self, image: Image) -> Description:
        """Labels and readable text."""
        return self._image_tagger.describe(image)

    def embed(self, texts: tuple[str, ...]) -> list[tuple[float, ...]]:
        """Unit vectors."""
        return [tuple(vector) for vector in self._text_embedder.embed(texts)]
