"""Where sentences end, so that a text that reaches its limit stops at the end of one."""

from __future__ import annotations

import re

_CLOSERS = "”’」』）)\"'】》"
_ENDS = re.compile(
    rf"[。！？…][{_CLOSERS}]*(?=[^{_CLOSERS}。！？…])"  # Chinese: whatever follows
    rf"|[.!?…][{_CLOSERS}]*(?=\s)"  # not in 3.5 or e.g. in a name
    r"|\n"  # what stands on lines of its own has ended: headings, items of a list
)
_WHOLE = re.compile(rf"[。！？….!?:：|][{_CLOSERS}*_`]*$")


def last_sentence_end(text: str, begin: int = 0) -> int:
    """The index after the last full sentence that ends behind `begin`; `begin` where none does."""
    end = begin
    for found in _ENDS.finditer(text, begin):
        end = found.end()
    return end


def drop_broken_sentence(text: str, begin: int = 0) -> str:
    """A text without the sentence that broke off at its end. What stands before `begin` stays, and a text in which no
    sentence ends."""
    if _WHOLE.search(text.rstrip()):
        return text
    end = last_sentence_end(text, begin)
    return text[:end].rstrip() if text[begin:end].strip() else text
