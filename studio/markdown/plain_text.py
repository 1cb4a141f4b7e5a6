"""Words without marks, and without characters that no file can hold."""

from __future__ import annotations

import re
from collections.abc import Iterator

from studio.markdown.blocks import Block, Blocks, Code, Heading, List, Paragraph, Quote, Rule, Runs, Table

# What XML, and so Word and Excel, cannot hold at all (a lone surrogate cannot even be encoded), and noncharacters.
_UNUSABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufdd0-\ufdef\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Without characters that no file format can hold; line ends are `\\n`. Nothing else changes."""
    text = _UNUSABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _SURROGATE.sub("\ufffd", text)


def without_blank_end(lines: list[str]) -> list[str]:
    """Lines up to the last one that shows something."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return lines[:end]


def plain(runs: Runs) -> str:
    """The words of a line."""
    return "".join(run.text for run in runs)


def to_text(blocks: Blocks) -> str:
    """The words of blocks for a place that shows no styles: lists keep their marks, cells stand side by side."""
    return "\n\n".join("\n".join(_lines(block)) for block in blocks)


def _lines(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(runs) | Heading(_, runs):
            yield plain(runs)
        case Code(text):
            yield text
        case Rule():
            yield "———"
        case Quote(blocks):
            yield to_text(blocks)
        case List():
            for number, item in enumerate(block.items):
                mark = block.mark(number) + " "
                inside = "\n".join(line for b in item for line in _lines(b))
                yield mark + inside.replace("\n", "\n" + " " * len(mark))
        case Table():
            yield from map(plain, block.lines())
