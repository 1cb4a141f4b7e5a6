"""Pictures made on the spot, and the articles and conversations that show them."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image, ImageDraw

from studio.documents.article import Article, Brief, Illustration, Picture, Section
from studio.documents.conversation import Conversation, Turn
from studio.errors import NotFoundError


def draw(width: int, height: int, format: str, mode: str = "RGB", **options: object) -> bytes:
    """A picture's file. Not one flat colour, so that size and quality matter."""
    image = Image.new(mode, (width, height), (63, 115, 101, 0)[: len(mode)])
    ImageDraw.Draw(image).ellipse((0, 0, width * 0.8, height * 0.8), fill=(240, 220, 180, 255)[: len(mode)])
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


FILES = {
    "webp": draw(1200, 800, "WEBP"),
    "jpeg": draw(4000, 3000, "JPEG"),
    "png": draw(200, 120, "PNG"),
    "clear": draw(300, 300, "WEBP", mode="RGBA"),
    "truncated": draw(800, 600, "JPEG")[:2000],
    "text": b"no picture at all",
    "empty": b"",
}


@pytest.fixture
def read_picture() -> Callable[[str], bytes]:
    """As the store reads: a missing file is a NotFoundError."""

    def read(key: str) -> bytes:
        if key not in FILES:
            raise NotFoundError("stored_picture_missing", picture=key)
        return FILES[key]

    return read


def shown(key: str, caption: str, credit: str = "Starter set", title: str = "") -> Illustration:
    """A picture in its place."""
    return Illustration(Picture(key, title, credit), caption)


def article_of(*sections: Section, title: str = "The tea road", instruction: str = "Write about tea") -> Article:
    """A finished article."""
    return Article(Brief(instruction), title, sections, status="done", model="XComposer2-7B")


@pytest.fixture
def tea() -> Article:
    """Three pictures, one empty place, a heading and a list."""
    return article_of(
        Section("Caravans set out in **autumn**.", shown("webp", "Mist over the terraces")),
        Section("## What they carried"),
        Section("- tea\n- salt", shown("jpeg", "A kettle", credit="IMG_2034.JPG")),
        Section("They came back in spring.", shown("png", "A small thing")),
        Section("Nobody goes there now.", note="No picture fits here."),
    )


@pytest.fixture
def tea_zh() -> Article:
    """A Chinese article with an English term in it."""
    return article_of(
        Section("每到秋天，马帮驮着茶砖出发，GPS 也找不到这条路。", shown("webp", "薄雾中的梯田")),
        title="茶马古道：从雅安到拉萨",
    )


@pytest.fixture
def talk() -> Conversation:
    """Two turns, three pictures, of which one is gone."""
    return Conversation(
        (
            Turn(
                "What are these?\n# two",
                (Picture("webp", "Terraces", "mine"), Picture("png")),
                "**Fields**.\n\n```\nopen",
                "length",
                True,
            ),
            Turn("And this?", (Picture("gone"),), "=1+1", "stop", False),
        ),
        "XComposer2-VL-7B",
    )
