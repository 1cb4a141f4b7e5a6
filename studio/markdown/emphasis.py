"""Emphasis beside Chinese, Japanese and Korean, after the specification of markdown-cjk-friendly.

CommonMark knows the edge of a word by blanks and punctuation, so that in `他说**“你好”**吧` no mark can open or close:
these languages have no blanks. Here a CJK character beside a mark counts as such an edge where punctuation stands on
the other side, and CJK punctuation is no obstacle. Where CommonMark takes a pair of marks for emphasis, so does this.
Source: https://github.com/tats-u/markdown-cjk-friendly/blob/main/specification.md
"""

from __future__ import annotations

import unicodedata

from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned


class EastAsianState(StateInline):
    """The state of inline reading with these rules."""

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:
        """The run of marks at `start`: how long it is, whether it can open and close. The ends of a text count as
        blanks; `canSplitWord` is true for marks that work inside words (`*`, not `_`)."""
        marker, end = self.src[start], start
        while end < self.posMax and self.src[end] == marker:
            end += 1
        before = self.src[start - 1] if start else " "
        after = self.src[end] if end < self.posMax else " "
        opens, closes = _flanks(before, after), _flanks(after, before)
        return Scanned(
            opens and (canSplitWord or not closes or _is_punctuation(before)),
            closes and (canSplitWord or not opens or _is_punctuation(after)),
            end - start,
        )


def is_cjk(char: str) -> bool:
    """Whether it is a letter or sign of Chinese, Japanese or Korean: a wide character that is no emoji."""
    code = ord(char)
    if code < 0x1100 or 0x2300 <= code < 0x2C00 or 0x1F000 <= code < 0x20000:
        return False
    return unicodedata.east_asian_width(char) in ("W", "F", "H")


def _flanks(outside: str, inside: str) -> bool:
    """Whether marks between these two characters can belong to the one inside."""
    if isWhiteSpace(ord(inside)):
        return False
    if not _is_punctuation(inside) or is_cjk(inside):
        return True
    return isWhiteSpace(ord(outside)) or _is_punctuation(outside) or is_cjk(outside)


def _is_punctuation(char: str) -> bool:
    return isMdAsciiPunct(ord(char)) or isPunctChar(char)
