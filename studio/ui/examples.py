"""What the empty Write, Chat and Table show to be clicked: requests, with pictures of the starter set."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from studio.errors import Language
from studio.settings import assets
from studio.ui import page_data


@dataclass(frozen=True)
class Example:
    """One card: what is asked (in Table one question a line), in both languages, about which pictures."""

    english: str
    chinese: str
    pictures: tuple[str, ...]

    def question(self, language: Language) -> str:
        """In one language."""
        return self.chinese if language == "zh" else self.english

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of the pictures."""
        return tuple(assets() / "pictures" / f"{name}.webp" for name in self.pictures)

    @property
    def keys(self) -> tuple[str, ...]:
        """What the store calls them."""
        return tuple(map(_key, self.paths))


WRITE = (
    Example("Write an article about a day at the farm", "写一篇关于农场一天的文章", ("farm",)),
    Example("Write an article about the tea road in autumn", "写一篇关于秋天茶马古道的文章", ("tea",)),
    Example("Write an article about night trains", "写一篇关于夜行火车的文章", ("train",)),
    Example("Write an article about lighthouses and the sea", "写一篇关于灯塔与大海的文章", ("lighthouse",)),
)
CHAT = (
    Example("What is in this picture?", "这张图里有什么？", ("bicycle",)),
    Example("What could one buy here?", "在这里能买到什么？", ("market",)),
    Example("Write a short poem about this picture.", "看图写一首小诗。", ("lighthouse",)),
    Example("What do these two pictures have in common?", "这两张图有什么共同点？", ("forest", "snow")),
)
TABLE = (
    Example("What is in this picture?\nWhich season is it?", "图里有什么？\n是什么季节？", ("tree", "snow", "flowers")),
    Example(
        "Describe the picture in one sentence for somebody who cannot see it.",
        "用一句话为看不到图的人描述这张图。",
        ("bread", "coffee", "tea"),
    ),
    Example(
        "Where could this be?\nWould it suit an article about travel?",
        "这可能是哪里？\n适合配旅行文章吗？",
        ("mountains", "river", "train"),
    ),
)


def chosen(examples: tuple[Example, ...], place: object) -> Example | None:
    """The one at that place; what a browser sends may be anything."""
    return examples[place] if type(place) is int and 0 <= place < len(examples) else None


def cards(examples: tuple[Example, ...]) -> list[page_data.Example]:
    """What `studio/ui/static/examples.js` draws."""
    return [{"en": e.english, "zh": e.chinese, "pictures": [f"thumbnails/{key}" for key in e.keys]} for e in examples]


@cache
def _key(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
