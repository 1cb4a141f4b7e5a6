from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Callable
from html.parser import HTMLParser
from io import BytesIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from studio.documents.article import Article, Section
from studio.export import export
from studio.export.images import PAGE_SIDE
from studio.markdown import parse
from studio.markdown import to_html as html_of

from .conftest import article_of, draw, shown


def to_html(text: str) -> str:
    """As the page and the exports have it."""
    return html_of(parse(text))


ALLOWED = set("a s em strong br hr code p blockquote pre ul ol li h1 h2 h3 h4 h5 h6 table thead tbody tr th td".split())


class Page(HTMLParser):
    """Every tag with its attributes, and the words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def check_safe(html: str) -> Page:
    page = Page(html)
    for tag, attrs in page.tags:
        assert tag in ALLOWED
        assert set(attrs) <= {"href", "start", "style", "rel"}
        assert (attrs.get("href") or "https:").startswith(("http:", "https:", "mailto:"))
        assert (attrs.get("style") or "text-align").startswith("text-align")
    return page


def pictures_in(page: Page) -> list[Image.Image]:
    found: list[Image.Image] = []
    for attrs in page.all("img"):
        head, _, data = (attrs["src"] or "").partition(";base64,")
        image = Image.open(BytesIO(b64decode(data)))
        assert head == f"data:image/{(image.format or '').lower()}"
        assert (attrs["width"], attrs["height"]) == tuple(map(str, image.size))
        found.append(image)
    return found


def test_one_file_with_its_pictures_inside(tea: Article, read_picture: Callable[[str], bytes]) -> None:
    data = export(tea, "html", read_picture, {"created": "2026-01-02T03:04:05"})
    page = Page(data.decode())
    assert page.all("html") == [{"lang": "en"}]
    assert [image.size for image in pictures_in(page)] == [(1200, 800), (1600, 1200), (200, 120)]
    assert len(page.all("figcaption")) == 3
    assert [attrs["alt"] for attrs in page.all("img")] == ["Mist over the terraces", "A kettle", "A small thing"]
    assert "Written by XComposer2-7B with XComposer Studio · 2026-01-02" in page.words
    assert "No picture fits" not in page.words
    assert page.all("script") == page.all("link") == []
    assert b"url(" not in data
    assert b"@import" not in data
    assert data == export(tea, "html", read_picture, {"created": "2026-01-02T03:04:05"})


def test_chinese_is_said_to_be_chinese(tea_zh: Article, read_picture: Callable[[str], bytes]) -> None:
    page = Page(export(tea_zh, "html", read_picture, {}).decode())
    assert page.all("html") == [{"lang": "zh-CN"}]
    assert "由 XComposer2-7B" in page.words


@pytest.mark.parametrize("key", ["gone", "text", "empty", "truncated"])
def test_a_missing_picture_is_named_in_its_place(key: str, read_picture: Callable[[str], bytes]) -> None:
    page = Page(export(article_of(Section("Text.", shown(key, "A <view>"))), "html", read_picture, {}).decode())
    assert page.all("img") == []
    assert "Picture missing: A <view>" in page.words
    assert "Text." in page.words


def test_a_heavy_picture_is_made_light() -> None:
    noise = Image.effect_noise((1500, 1500), 80).convert("RGB")
    out = BytesIO()
    noise.save(out, "PNG")
    data = export(article_of(Section("x", shown("a", ""))), "html", lambda _: out.getvalue(), {})
    (image,) = pictures_in(Page(data.decode()))
    assert image.format == "WEBP"
    assert len(data) < len(out.getvalue())
    assert max(image.size) <= PAGE_SIDE


def test_a_transparent_picture_stays_transparent() -> None:
    file = draw(2000, 1000, "PNG", mode="RGBA")
    data = export(article_of(Section("x", shown("a", ""))), "html", lambda _: file, {})
    (image,) = pictures_in(Page(data.decode()))
    assert image.size == (1600, 800)
    assert image.convert("RGBA").getchannel("A").getpixel((1599, 799)) == 0


@pytest.mark.parametrize(
    ("markdown", "made"),
    [
        ("**粗** and *it*", "<p><strong>粗</strong> and <em>it</em></p>"),
        ("说**“引号”**后", "<p>说<strong>“引号”</strong>后</p>"),
        ("**要点：**文字", "<p><strong>要点：</strong>文字</p>"),
        ("snake_case_name", "<p>snake_case_name</p>"),
        ("Vec<T> is <b>bold</b> & 1 < 2", "<p>Vec&lt;T&gt; is &lt;b&gt;bold&lt;/b&gt; &amp; 1 &lt; 2</p>"),
        ("`a<b>c` **x**", "<p><code>a&lt;b&gt;c</code> <strong>x</strong></p>"),
        ("![words](http://evil.example/x.png)", "<p>words</p>"),
        ("3. three", '<ol start="3">\n<li>three</li>\n</ol>'),
        ("~~no~~", "<p><s>no</s></p>"),
        ("```py\nx < 1\n```", "<pre><code>x &lt; 1\n</code></pre>"),
    ],
)
def test_markdown_becomes_html(markdown: str, made: str) -> None:
    assert to_html(markdown) == made


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](http://evil.example/a.png)",
        '![x" onerror="alert(1)](http://evil.example/a.png)',
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt&#58;alert(1))",
        "[x](data:text/html;base64,AAAA)",
        '[x](https://e.example "t" onclick="alert(1)")',
        "<b onclick=alert(1)>x</b>",
        "<svg/onload=alert(1)>",
        "<iframe src=//evil.example>",
        "<style>@import url(http://evil.example)</style>",
        "<!--><script>alert(1)</script>-->",
        "<https://e.example/' onmouseover='alert(1)>",
        "[a]: javascript:alert(1)\n\n[a]",
        "| a |\n|:-:|\n| <script>alert(1)</script> |",
        "```\n</code></pre><script>alert(1)</script>\n```",
        "`<script>alert(1)</script>`",
        "\ufdd0script>alert(1)\ufdd0/script>",
        "<sc\x00ript>alert(1)</script>",
        "</style></title></article><script>alert(1)</script>",
    ],
)
def test_nothing_hostile_survives(evil: str, read_picture: Callable[[str], bytes]) -> None:
    check_safe(to_html(evil))
    article = article_of(Section(evil, shown("png", evil, evil, evil)), title=evil)
    page = Page(export(article, "html", read_picture, {"model": evil, "created": evil}).decode())
    assert page.all("script") == page.all("iframe") == page.all("svg") == []
    assert len(page.all("img")) == len(page.all("style")) == len(page.all("title")) == 1
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]


PIECES = [
    "<",
    ">",
    "script",
    "img",
    " src=x",
    "onerror=",
    "javascript:",
    "[",
    "](",
    ")",
    "!",
    "`",
    "```",
    "*",
    "**",
    "_",
    "|",
    "\n",
]
PIECES += [
    "\n\n",
    "- ",
    "1. ",
    "> ",
    "#",
    "    ",
    "&",
    ";",
    "\\",
    '"',
    "'",
    "\x00",
    "\ud800",
    "🦊",
    "\u202e",
    "茶",
    "“",
    "\ufdd1",
    "<b>",
]
PIECES += ["\ufdd0", "~~", "http://a.b", "<!--", "-->", "&#x3c;", "<code>", "</p>", "md5-"]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text())
@example("<")
def test_any_words_are_safe(words: str) -> None:
    check_safe(to_html(words)).words.encode()


@pytest.mark.parametrize(
    "piece",
    ["[", "`", "(", "![", "|", "> ", "<https://", "\\", "\t", "1. ", "**a", "[a](", "<b>", "- ", "a\n", "茶", "> 1. "],
)
def test_endless_signs_take_no_time_and_lose_no_words(piece: str) -> None:
    for length in (3000, 40_000):
        start = time.process_time()
        page = check_safe(to_html("start " + (piece * length)[:length] + " end"))
        assert time.process_time() - start < 5
        assert page.words.strip().startswith("start")
        assert page.words.strip().endswith("end")
