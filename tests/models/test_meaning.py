"""Meaning: near is near, in one language and across two; and what searching costs."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from studio.auxiliary.text_embedder import TextEmbedder

TEXTS = (
    "A red tram full of passengers rolls past shops and brick houses.",
    "tram",
    "",
    "Café, naïve — 茶馆 and 🦊 \0",
    "word " * 90_000,
)


@pytest.fixture(scope="module")
def meaning() -> TextEmbedder:
    return TextEmbedder(2)


def test_every_text_has_a_unit_vector(meaning: TextEmbedder) -> None:
    vectors = np.array(meaning.embed(TEXTS))
    assert vectors.shape == (5, 512) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    assert meaning.embed(()) == []


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("A cup of tea", "Drinking a hot beverage", "A train leaves the station"),
        ("一只橘猫在窗台上睡觉", "猫咪在窗边休息", "股市今天大幅下跌"),
        ("一只橘猫在窗台上睡觉", "An orange cat sleeps on the windowsill", "The stock market fell today"),
        ("Autumn at West Lake, Hangzhou", "西湖的秋天", "怎样煮红烧肉"),
        ("창가에서 자는 고양이", "A cat asleep at the window", "A new railway bridge"),
    ],
)
def test_what_means_the_same_is_nearer(meaning: TextEmbedder, text: str, near: str, far: str) -> None:
    a, b, c = np.array(meaning.embed((text, near, far)))
    assert a @ b > a @ c + 0.1


def test_a_text_does_not_depend_on_its_neighbours(meaning: TextEmbedder) -> None:
    beside = meaning.embed(("tea", "a much longer text about tea and other drinks"))[0]
    assert np.allclose(beside, meaning.embed(("tea",))[0], atol=1e-5)


def test_retrieval_needs_no_framework() -> None:
    """Regression: the import of torch and transformers made the first article wait 13 s for its pictures."""
    script = (
        "import sys; from studio.auxiliary.auxiliary_models import LocalAuxiliaryModels;"
        "LocalAuxiliaryModels().embed(('tea',));"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=120).returncode == 0
