"""Which of its two languages the studio speaks to a text in."""

from __future__ import annotations

import re

from studio.errors import Language

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
_LATIN = re.compile("[A-Za-z]")


def language_of(text: str) -> Language:
    """The language most of a text is in. A Chinese text full of English terms is still Chinese, an English one about a
    Chinese word still English: a Chinese character weighs as much as four letters."""
    han = len(_HAN.findall(text))
    return "zh" if han and han * 4 >= len(_LATIN.findall(text)) else "en"
