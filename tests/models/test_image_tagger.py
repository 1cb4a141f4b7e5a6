"""The starter's eyes on real pixels: sure of what they know, honest about the rest, able to read."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image as Pictures
from PIL import ImageDraw

from studio.auxiliary.image_tagger import ImageTagger
from studio.errors import InputError
from studio.prompts import replies
from studio.protocol import Image

pytestmark = pytest.mark.real
STARTER = Path(__file__).parents[2] / "assets" / "pictures"


@pytest.fixture(scope="module")
def tagger() -> ImageTagger:
    return ImageTagger(threads=1)  # steady on a busy machine


def image(picture: Pictures.Image) -> Image:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return Image("key", out.getvalue())


def test_scores_are_probabilities_best_first(tagger: ImageTagger) -> None:
    labels = tagger.describe(Image("key", (STARTER / "cat.webp").read_bytes())).labels
    scores = [label.score for label in labels]
    assert len(labels) == 5 and scores == sorted(scores, reverse=True) and 0 < sum(scores) <= 1
    assert all(label.name and "," not in label.name for label in labels)


@pytest.mark.parametrize(
    ("file", "name"), [("plane", "airliner"), ("lighthouse", "beacon"), ("ship", "container ship")]
)
def test_what_they_know_is_told_as_a_fact(tagger: ImageTagger, file: str, name: str) -> None:
    """Wrongly mapped weights would name things at random."""
    description = tagger.describe(Image("key", (STARTER / f"{file}.webp").read_bytes()))
    assert description.labels[0].name == name
    assert replies.describe_in_words(1, 1, description).startswith("The picture shows a")


def test_what_is_nothing_is_told_as_a_guess(tagger: ImageTagger) -> None:
    description = tagger.describe(
        image(Pictures.new("RGB", (300, 300), "gray"))
    )  # noise would be random: doormats, kites
    assert description.labels[0].score < replies.CERTAIN
    assert "not sure" in replies.describe_in_words(1, 1, description)


def test_text_is_read(tagger: ImageTagger) -> None:
    picture = Pictures.new("RGB", (700, 240), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((30, 30), "TEA HOUSE", fill="black", font_size=70)
    draw.text((30, 140), "open 24 hours", fill="black", font_size=50)
    first, second = tagger.describe(image(picture)).text.splitlines()
    assert first.replace(" ", "") == "TEAHOUSE" and second.replace(" ", "") == "open24hours"
    assert tagger.describe(image(Pictures.new("RGB", (300, 200), "white"))).text == ""


def test_what_is_no_picture_is_refused(tagger: ImageTagger) -> None:
    with pytest.raises(InputError):
        tagger.describe(Image("key", b"hello"))
