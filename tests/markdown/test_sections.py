"""How a text is cut into sections."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.markdown import Block, Paragraph, clean, is_heading, parse, plain, sections, split


def test_blocks_stay_whole_and_lines_of_a_paragraph_are_paragraphs() -> None:
    title, blocks = split("# T\n\npara\nnext\n\n- a\n- b\n\n```\nx\n\ny\n```\nend")
    assert title == "T"
    assert blocks == ("para", "next", "- a\n- b", "```\nx\n\ny\n```", "end")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1. First\n   ```\n   x\n   ```\n2. Second\n\n## H\n\nrest", ("1. First\n   ```\n   x\n   ```\n2. Second",)),
        ("> a\n>\n> b\n\nrest", ("> a\n>\n> b",)),
        ("~~~\n# no heading\n\nx\n~~~\nrest", ("~~~\n# no heading\n\nx\n~~~",)),
        ("a | b\n-|-\n1 | 2\n\nrest", ("a | b\n-|-\n1 | 2",)),
        ("1) a\n2) b\n\nrest", ("1) a\n2) b",)),
        ("- a\n  goes on\n\n  and on\n\nrest", ("- a\n  goes on\n\n  and on",)),
        ("    x = 1\n\n    y\nrest", ("    x = 1\n\n    y",)),
        ("Rain **fell\nall** day\nrest", ("Rain **fell\nall** day",)),
        ("a verse  \nof two lines\nrest", ("a verse  \nof two lines",)),
        ("see\n2. bar\nrest", ("see\n2. bar",)),
        ("$$\nx\n\\\\\ny\n$$\nrest", ("$$\nx\n\\\\\ny\n$$",)),
        ("　　段落。\nrest", ("段落。",)),
        ("# One\n\n# Two\n\nrest", ("# One", "# Two")),
    ],
)
def test_a_section_is_one_block(text: str, found: tuple[str, ...]) -> None:
    assert sections(text)[: len(found)] == found
    assert sections(text)[-1] == "rest"


@pytest.mark.parametrize(
    ("text", "title"),
    [("# C#", "C#"), ("# T #\n\nx", "T"), ("T\n===\nx", "T"), ("\n\n#  Tea  road", "Tea road"), ("x\n\n# T", "")],
)
def test_the_title_is_a_first_heading(text: str, title: str) -> None:
    assert split(text)[0] == title


@pytest.mark.parametrize(
    ("text", "heading"),
    [("## a", True), ("a\n---", True), ("#tag", False), ("## a\n\nb", False), ("", False), ("#", True)],
)
def test_headings(text: str, heading: bool) -> None:
    assert is_heading(text) is heading


PIECES = ["a", "b ", "word", "茶", "*", "**", "_", "`", "```", "~~~", "> ", ">", "- ", "+ ", "1. ", "2. ", "3) ", "#"]
PIECES += [
    "## ",
    "|",
    "-|-",
    "---",
    "===",
    "\n",
    "\n",
    "\n\n",
    "\n\n",
    "  ",
    "    ",
    "\t",
    "\\",
    "$",
    "$$",
    "[",
    "](",
    ")",
]
SOURCES = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


def lines(blocks: tuple[Block, ...]) -> Iterator[Block | str]:
    """Blocks, with a paragraph as its words: cutting one into its lines changes nothing else."""
    words = ""
    for block in blocks:
        if isinstance(block, Paragraph):
            words += " " + plain(block.runs)
            continue
        if words:
            yield " ".join(words.split())
            words = ""
        yield block
    if words:
        yield " ".join(words.split())


@settings(max_examples=1000, deadline=None)
@given(SOURCES)
def test_sections_are_read_as_they_were_inside_the_text(text: str) -> None:
    apart = tuple(block for section in sections(text) for block in parse(section))
    assert list(lines(apart)) == list(lines(parse(text)))


@settings(max_examples=300, deadline=None)
@given(SOURCES)
def test_sections_joined_are_the_text_again(text: str) -> None:
    found = sections(text)
    assert sections("\n\n".join(found)) == found
    assert "".join("".join(found).split()) == "".join(text.split())


@settings(deadline=None)
@given(st.text())
def test_no_word_is_lost(text: str) -> None:
    title, blocks = split(text)
    kept = {word for part in (title, *blocks) for word in part.split()}
    assert {w for w in clean(text).split() if any(c.isalnum() for c in w)} <= kept
    assert all(block.strip() for block in blocks)


@settings(max_examples=100, deadline=None)
@given(SOURCES)
def test_sections_that_are_followed_by_two_others_stay_while_the_text_grows(text: str) -> None:
    before: tuple[str, ...] = ()
    for end in range(len(text) + 1):
        now = tuple(plain_blocks(text[:end]))
        assert now[: max(0, len(before) - 2)] == before[: max(0, len(before) - 2)]
        before = now


def plain_blocks(text: str) -> Iterator[str]:
    yield from map(str, parse(text))


def test_a_text_of_3_000_words_is_cut_in_a_few_milliseconds() -> None:
    """It is done for every token that is written, up to twenty times a second."""
    text = "\n\n".join("Caravans set out in **autumn** with bricks of tea. " * 5 for _ in range(67))
    split(text)
    took = []
    for _ in range(20):
        start = time.perf_counter()
        split(text)
        took.append(time.perf_counter() - start)
    assert len(split(text)[1]) == 67 and min(took) < 0.005, min(took)
