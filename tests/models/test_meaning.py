"""Meaning: equal to transformers' BertModel, and near is near."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
import transformers

from studio.auxiliary.text_embedder import TextEmbedder, _folder

TEXTS = (
    "A red tram full of passengers rolls past shops and brick houses.",
    "tram",
    "",
    "Café, naïve — 茶馆 and 🦊",
    "word " * 900,
)


@pytest.fixture(scope="module")
def meaning() -> TextEmbedder:
    return TextEmbedder()


def test_vectors_equal_those_of_transformers(meaning: TextEmbedder) -> None:
    tokenizer = transformers.BertTokenizerFast.from_pretrained(_folder(), local_files_only=True)
    model = transformers.BertModel.from_pretrained(_folder(), local_files_only=True, add_pooling_layer=False).eval()
    for text, ours in zip(TEXTS, meaning.embed(TEXTS), strict=True):
        batch = tokenizer(text, truncation=True, max_length=256, return_tensors="pt")
        with torch.inference_mode():
            mean = model(**batch).last_hidden_state[0].mean(0)
        assert np.allclose(ours, (mean / mean.norm()).numpy(), atol=2e-5), text


def test_what_means_the_same_is_nearer(meaning: TextEmbedder) -> None:
    a, b, c = np.array(meaning.embed(("A cup of tea", "Drinking a hot beverage", "A train leaves the station")))
    assert a @ b > a @ c + 0.2
    assert np.allclose(np.linalg.norm([a, b, c], axis=1), 1, atol=1e-5)


def test_a_text_does_not_depend_on_its_neighbours(meaning: TextEmbedder) -> None:
    assert meaning.embed(("tea", "a much longer text about tea and other drinks"))[0] == meaning.embed(("tea",))[0]


def test_retrieval_needs_no_framework() -> None:
    """Regression: the import of torch and transformers made the first article wait 13 s for its pictures."""
    script = (
        "import sys; from studio.auxiliary.auxiliary_models import LocalAuxiliaryModels;"
        "LocalAuxiliaryModels().embed(('tea',));"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=120).returncode == 0
