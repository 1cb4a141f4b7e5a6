"""A text that somebody has becomes an article: every word in its order, every picture in its place."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.documents.article import Article, Picture
from studio.errors import InputError
from studio.library.picture_intake import NormalisedPicture
from studio.manuscript import open_manuscript, read_manuscript
from studio.manuscript.markdown_text import read_markdown
from studio.manuscript.plain_text import plain_to_markdown
from studio.markdown import parse, to_text

PICTURES = Path(__file__).parents[2] / "assets" / "pictures"
EVERYTHING = """# A trip

First **words** with `code`, [a link](https://example.org) and a note[^1].

## Part

1. one
   - deeper
2. two

| a | b |
|---|---|
| 1 | 2 |

> Quoted *words*.

```python
print("![no](a.png)")
```

It costs $5. 茶**“好”**喝。

[^1]: The note.
"""


def words_of(article: Article) -> list[str]:
    return to_text(parse(article.markdown)).split()


def find(source: str) -> Picture:
    if "missing" in source:
        raise InputError("picture_not_beside", name=source)
    return Picture(source, source)


def test_words_order_and_structure_stay() -> None:
    article = read_markdown(EVERYTHING, find)
    assert parse(article.markdown) == parse(EVERYTHING)
    assert (article.title, article.status, article.brief.own_text, article.notes) == ("A trip", "done", True, ())
    assert article.brief.check() == article.brief


BLOCKS = st.sampled_from(
    ["Plain words here.", "## Head", "- a\n- b\n\n  c", "1) x\n2) y", "> q\n\n> r", "    code", "~~~\n![n](n.png)\n~~~"]
    + [
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "[^1]: note",
        "[x]: y",
        "Vec<T> & `c`",
        "a  \nb",
        "*x* **y**",
        "第一段。\n二。",
    ]
)
PICTURED = st.sampled_from(["![P](a.png)", "Words ![P](b.png) on.", "![P](c.png) ![P](d.png)"])


@settings(max_examples=150, deadline=None)
@given(st.lists(BLOCKS, min_size=1, max_size=8))
def test_no_word_is_lost_whatever_the_blocks(blocks: list[str]) -> None:
    text = "\n\n".join(blocks)
    assert words_of(read_markdown(text, find)) == to_text(parse(text)).split()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(BLOCKS, PICTURED), min_size=1, max_size=8))
def test_pictures_leave_the_words_around_them(blocks: list[str]) -> None:
    article = read_markdown("\n\n".join(blocks), find)
    assert len(article.pictures) == sum(len(re.findall(r"\]\([abcd]\.png", block)) for block in blocks)
    assert words_of(article).count("Words") == sum(block.startswith("Words") for block in blocks)
    assert "![P]" not in article.markdown


def test_pictures_stand_after_what_they_follow() -> None:
    text = "![Start](s.png)\n\n## Head\n\n![Under](u.png)\n\nText ![in](i.png) words.\n\n![Two](t.png) ![Three](h.png)"
    article = read_markdown(text, find)
    shown = [(s.text, s.illustration.caption if s.illustration else "") for s in article.sections]
    assert shown == [
        *[("", "Start"), ("## Head", ""), ("", "Under"), ("Text in words.", "in"), ("", "Two"), ("", "Three")],
    ]


def test_an_emphasised_line_below_a_picture_is_its_caption() -> None:
    article = read_markdown("Text.\n\n![A cat](c.png)\n\n*The cat \\* of the house*\n\n*Not this.*", find)
    assert article.sections[0].illustration and article.sections[0].illustration.caption == "The cat * of the house"
    assert article.sections[1].text == "*Not this.*"


def test_a_picture_that_is_not_there_stays_as_typed_and_is_named() -> None:
    article = read_markdown("Text.\n\n![A cat](missing/c.png)", find)
    assert article.sections[1].text == "![A cat](missing/c.png)" and "missing/c.png" in article.notes[0]


def test_pictures_that_are_named_elsewhere() -> None:
    article = read_markdown("A ![cat][1] here.\n\n[1]: <c.png>\n[Note]: bring a coat", find)
    assert [p.key for p in article.pictures] == ["c.png"] and "[Note]: bring a coat" in article.markdown


@pytest.mark.parametrize("text", ["", " \n\t", "\ufeff"])
def test_nothing_is_no_text(text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_markdown(text, find)
    assert caught.value.key == "text_empty"


def test_too_long_is_told() -> None:
    with pytest.raises(InputError) as caught:
        read_markdown("x" * 400_001, find)
    assert "400,001 characters" in caught.value.say()


def keep(picture: NormalisedPicture) -> str:
    return picture.key


def test_only_pictures_in_the_folder_of_the_text_are_read(tmp_path: Path) -> None:
    cat = (PICTURES / "cat.webp").read_bytes()
    home = tmp_path / "text"
    (home / "my pictures").mkdir(parents=True)
    (home / "my pictures" / "猫.webp").write_bytes(cat)
    (tmp_path / "secret.webp").write_bytes(cat)
    (home / "link.webp").symlink_to(tmp_path / "secret.webp")
    (home / "words.png").write_text("no picture")
    outside = ["../secret.webp", str(tmp_path / "secret.webp"), "link.webp", "my pictures/../../secret.webp"]
    far = ["https://example.org/a.png", "//example.org/a.png", "file:///etc/a.png", "C:/a.png"]
    sources = ["my%20pictures/猫.webp", *outside, *far, "words.png", "none.png"]
    (home / "a.md").write_text("\n\n".join(f"![p{n}](<{source}>)" for n, source in enumerate(sources)))
    article = open_manuscript(home / "a.md", keep)
    assert [s.illustration.caption for s in article.sections if s.illustration] == ["p0"]
    assert len(article.notes) == len(sources) - 1
    assert sum("outside the folder" in note for note in article.notes) == len(outside)
    assert sum("on another site" in note for note in article.notes) == len(far)


def test_a_text_from_the_page_reads_no_file_at_all() -> None:
    article = read_manuscript(f"![x]({PICTURES / 'cat.webp'}) ![y](cat.webp)".encode(), "a.md", keep)
    assert not article.pictures and "did not come with the text" in article.notes[0]


def test_a_picture_inside_the_text_is_taken() -> None:
    data = base64.b64encode((PICTURES / "cat.webp").read_bytes()).decode()
    text = f"Text.\n\n![cat][image1]\n\n[image1]: <data:image/webp;base64,{data}>"
    assert len(read_manuscript(text.encode(), "a.md", keep).pictures) == 1


@pytest.mark.parametrize(
    "text",
    [
        "# no heading\n- no item\n1. no number",
        "a * b * c _d_ `e` <b> $x$ ~~f~~ [g](http://h) ![i](j.png)",
        "    indented",
    ],
)
def test_plain_text_shows_what_was_typed(text: str) -> None:
    assert to_text(parse(plain_to_markdown(text))).split() == text.split()


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab1 \n\n.)#*_`<>[]()!|$~-+=\\&:;茶", max_size=80))
def test_any_plain_text_keeps_its_signs(text: str) -> None:
    shown = to_text(parse(plain_to_markdown(text)))
    assert "".join(shown.split()) == "".join(text.split())


def test_broken_lines_are_joined_and_others_stay() -> None:
    line = "These words were broken to a width of seventy characters by a program"
    wrapped = "\n".join([line] * 5)
    assert plain_to_markdown(f"{wrapped}\n\n{wrapped}").count("\n") == 2
    assert len(read_markdown(plain_to_markdown("第一段。\n第二段。\n第三段。"), find).sections) == 3
    poem = "Roses are red,\nviolets are blue.\n\nSugar is sweet,\nand so are you."
    assert [s.text.count("\n") for s in read_markdown(plain_to_markdown(poem), find).sections] == [1, 1]
