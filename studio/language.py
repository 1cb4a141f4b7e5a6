"""Which of its two languages the studio speaks to a text in."""

from __future__ import annotations

import re
from unicodedata import bidirectional

from studio.errors import Language

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
_LATIN = re.compile("[A-Za-z]")


def language_of(text: str) -> Language:
    """The language most of a text is in. A Chinese text full of English terms is still Chinese, an English one about a
    Chinese word still English: a Chinese character weighs as much as four letters."""
    han = len(_HAN.findall(text))
    return "zh" if han and han * 4 >= len(_LATIN.findall(text)) else "en"


def is_right_to_left(text: str) -> bool:
    """Whether a paragraph begins at the right: its first letter with a direction decides, as in Unicode's rule P2."""
    found = next((d for d in map(bidirectional, text) if d in ("L", "R", "AL")), "L")
    return found != "L"
