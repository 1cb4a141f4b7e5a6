"""Plain text as Markdown that shows exactly its words: what looks like a mark is none, and paragraphs are found."""

from __future__ import annotations

import re

from studio.markdown import clean

_WRAPPED = range(40, 101)  # characters of a full line where a program has broken the lines
_MARK = re.compile(r"([\\`*_<>&~$|])")
_AT_START = re.compile(r"^(?:(\d{1,9})([.)])(?=\s|$)|([#+=-]))")


def plain_to_markdown(text: str) -> str:
    """The text with its signs escaped. Lines that were broken to a width are joined again; where blank lines part the
    paragraphs, other line ends stay; where none do, every line is a paragraph."""
    parts = [part.split("\n") for part in re.split(r"\n[ \t]*\n+", clean(text).strip("\n")) if part.strip()]
    if _is_wrapped([line for part in parts for line in part[:-1]]):
        return "\n\n".join(escape_line(" ".join(line.strip() for line in part)) for part in parts)
    between = "\\\n" if len(parts) > 1 else "\n\n"
    return "\n\n".join(between.join(escape_line(line) for line in part if line.strip()) for part in parts)


def escape_line(line: str, escaped: bool = False) -> str:
    """Plain words as Markdown that shows these words; the signs inside the line may be `escaped` already."""
    line = line.strip()
    return _AT_START.sub(r"\1\\\2\3", line if escaped else escape_words(line))


def escape_words(words: str) -> str:
    """The same inside a line."""
    return _MARK.sub(r"\\\1", words).replace("](", "]&#40;")


def _is_wrapped(full: list[str]) -> bool:
    """Whether lines end where a width was reached, and not where somebody ended them."""
    lengths = sorted(len(line.rstrip()) for line in full if line.strip())
    if len(lengths) < 4:
        return False
    return lengths[-1] in _WRAPPED and lengths[len(lengths) // 4] >= lengths[-1] - 20
