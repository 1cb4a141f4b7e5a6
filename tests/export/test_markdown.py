from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from urllib.parse import unquote
from zipfile import ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from PIL import Image

from studio.documents.article import Article, Brief, Section
from studio.documents.conversation import Conversation
from studio.export import export
from studio.export.clean_text import line
from studio.export.markdown_files import article_files, close_open_blocks, escape

from .conftest import FILES, article_of, shown

ABOUT = {"instruction": "Write about tea", "brief": Brief("x"), "seed": 1, "bad": "\x00\ud800"}
WILD = st.text() | st.lists(
    st.sampled_from(
        [
            "`",
            "```",
            "~~~",
            "<!--",
            "-->",
            "<script>",
            "</pre>",
            "<?",
            "<![CDATA[",
            "<!X",
            "]](x)",
            "[",
            "![",
            "](",
            "\\",
            "*",
            "_",
        ]
        + [
            "\n",
            "\n\n",
            "  ",
            "    ",
            "> ",
            "a",
            "&amp;",
            "#",
            "|",
            "\r",
            "\x00",
            "\ud800",
            "🦊",
            "\u202e",
            "茶",
            "\t",
            "[x]: y",
        ]
    ),
    max_size=12,
).map("".join)


def parse(text: str) -> list[Token]:
    return MarkdownIt("commonmark").parse(text)


def images(text: str) -> list[tuple[str, str]]:
    inline = [child for token in parse(text) for child in token.children or ()]
    return [(unquote(str(t.attrs["src"])), t.content and plain(t)) for t in inline if t.type == "image"]


def plain(token: Token) -> str:
    return "".join(child.content for child in token.children or ())


def test_the_zip_opens_and_its_links_lead_to_its_pictures(tea: Article, read_picture: Callable[[str], bytes]) -> None:
    with ZipFile(BytesIO(export(tea, "zip", read_picture, ABOUT))) as zip:
        assert zip.testzip() is None
        text = zip.read("article.md").decode()
        paths = [src for src, _ in images(text)]
        assert paths == [
            "images/01-mist-over-the-terraces.png",
            "images/02-a-kettle.jpg",
            "images/03-a-small-thing.png",
        ]
        assert [zip.read(path) for path in paths[1:]] == [FILES["jpeg"], FILES["png"]]
        webp, png = (Image.open(BytesIO(data)).convert("RGB") for data in (FILES["webp"], zip.read(paths[0])))
        assert webp.tobytes() == png.tobytes()
        about = json.loads(zip.read("about.json"))
    assert about["brief"]["seed"] == 8909
    assert [p["credit"] for p in about["pictures"]] == ["Starter set", "IMG_2034.JPG", "Starter set"]
    assert text.startswith("# The tea road\n\nCaravans")
    assert "\n\n*A kettle · IMG\\_2034.JPG*\n\n" in text
    assert "No picture fits" not in text


def test_chinese_names_stay_chinese(tea_zh: Article, read_picture: Callable[[str], bytes]) -> None:
    with ZipFile(BytesIO(export(tea_zh, "zip", read_picture, {}))) as zip:
        assert "images/01-薄雾中的梯田.png" in zip.namelist()
        assert images(zip.read("article.md").decode()) == [("images/01-薄雾中的梯田.png", "薄雾中的梯田")]


@pytest.mark.parametrize("key", ["gone", "text", "empty"])
def test_a_missing_picture_is_named_in_its_place(key: str, read_picture: Callable[[str], bytes]) -> None:
    article = article_of(Section("Text stays.", shown(key, "A *fine* view")), Section("More."))
    text, files, report = article_files(article, read_picture)
    assert "Text stays.\n\n*Picture missing: A \\*fine\\* view · Starter set*\n\nMore." in text
    assert files == {}
    assert report["missing_pictures"] == [
        {"key": key, "caption": "A *fine* view", "title": "", "credit": "Starter set"}
    ]


def test_a_picture_shown_twice_is_one_file(read_picture: Callable[[str], bytes]) -> None:
    article = article_of(Section("a", shown("png", "One")), Section("b", shown("png", "Two")))
    text, files, _ = article_files(article, read_picture, folder="tea-images")
    assert list(files) == ["tea-images/01-one.png"]
    assert [src for src, _ in images(text)] == ["tea-images/01-one.png"] * 2


def test_words_alone_have_no_links(tea: Article, read_picture: Callable[[str], bytes]) -> None:
    text = export(tea, "md", read_picture, {}).decode()
    assert images(text) == []
    assert "*Picture 2 · A kettle · IMG\\_2034.JPG*" in text


@settings(deadline=None)
@given(caption=WILD, credit=WILD, text=WILD)
def test_no_words_break_the_pictures(caption: str, credit: str, text: str) -> None:
    article = article_of(Section(text, shown("png", caption, credit)), Section("after", shown("png", "x")))
    made, files, _ = article_files(article, FILES.__getitem__)
    made.encode()
    (path,) = files
    found = [image for image in images(made) if image[0] == path]
    assert len(found) == 2
    assert found[0][1] == " ".join(found[0][1].split())  # one line
    assert [t.content for t in parse(made) if t.type == "inline"][-3:-1] == ["after", f"![x]({path})"]


@settings(deadline=None)
@given(WILD)
def test_escaped_words_are_shown_as_they_are(words: str) -> None:
    shown_words = escape(words)
    tokens = parse(f"*{shown_words}*")[1].children if shown_words else []
    assert "".join(t.content for t in tokens or ()) == line(words)


@pytest.mark.parametrize(
    ("open", "closed"),
    [
        ("```py\nx", "```py\nx\n```"),
        ("~~~~\n```\nx", "~~~~\n```\nx\n~~~~"),
        ("```\nx\n```", "```\nx\n```"),
        ("```\nx```", "```\nx```\n```"),
        ("<!-- a", "\\<!-- a"),
        ("<!-- a\n\n-->b", "<!-- a\n\n-->b"),
        ("<script>\nx", "\\<script>\nx"),
        ("- a\n  - b", "- a\n  - b"),
    ],
)
def test_a_block_ends_where_it_ends(open: str, closed: str) -> None:
    assert close_open_blocks(open) == closed


def test_a_conversation(talk: Conversation, read_picture: Callable[[str], bytes]) -> None:
    with ZipFile(BytesIO(export(talk, "zip", read_picture, {}))) as zip:
        text = zip.read("conversation.md").decode()
        assert [name.split("/")[0] for name in zip.namelist()] == ["conversation.md", "images", "images", "about.json"]
    assert [words for _, words in images(text)] == ["Picture 1: Terraces", "Picture 2"]
    assert "> What are these?\\\n> \\# two" in text
    assert "```\nopen\n```\n\n*stopped at the length limit · liked*" in text
    assert "*Picture missing: Picture 3*" in text
    assert "=1+1\n\n*disliked*\n" in text
