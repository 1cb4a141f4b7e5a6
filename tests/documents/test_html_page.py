"""Web pages of a model as one file: nothing in them runs or reaches another host, and what they say stays."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.documents.html_page import extract, safe_page, title_of, wanted_pictures
from studio.documents.web_page import MAX_SOURCE

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>Lake &amp; hills</title>
<script src="https://cdn.tailwindcss.com"></script><link rel="stylesheet" href="https://fonts.example/x.css">
<style>h1 > b { color: #123; }</style><meta http-equiv="refresh" content="0; url=https://evil.example"></head>
<body onload="steal()"><h1 class="big">Lake <b>&lt;1&gt;</b></h1>
<img src="https://source.unsplash.com/random/400x300/?mountain,lake" alt="A mountain lake" srcset="https://x/y 2x">
<img src="images/quiet-cow.jpg"><a href="https://evil.example/a">away</a> <a href="#top">up</a>
<form action="https://evil.example"><input name="q" formaction="//evil.example"></form>
<iframe src="https://evil.example">in it</iframe><script>alert(1)</script></body></html>"""


class Tags(HTMLParser):
    """What a browser would meet."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_harmless(page: str) -> None:
    found = Tags(page)
    assert [tag for tag, _ in found.tags[:3]] == ["meta", "meta", "style"]
    policy = found.tags[1][1]
    assert policy["http-equiv"] == "Content-Security-Policy" and str(policy["content"]).startswith("default-src 'none'")
    for tag, attributes in found.tags[3:]:
        assert (
            tag not in ("script", "animate", "plaintext", "xmp", "iframe", "object", "embed", "base", "link", "frame")
            and "http-equiv" not in attributes
        )
        for name, value in attributes.items():
            assert not name.startswith("on") and name not in ("srcset", "action", "formaction", "srcdoc", "background")
            if name == "src":
                assert str(value).startswith("data:image/")
            if name.endswith("href"):
                assert str(value).startswith(("#", "mailto:"))


def test_a_page_keeps_its_words_and_style_and_loses_what_reaches_out() -> None:
    page = safe_page(PAGE, ["data:image/png;base64,AA==", ""])
    assert_harmless(page)
    assert "h1 > b { color: #123; }" in page and "Lake &amp; hills" in page and "<b>&lt;1&gt;</b>" in page
    assert (
        'class="big"' in page
        and '<img src="data:image/png;base64,AA==" alt="A mountain lake" width="400" height="300">' in page
    )
    assert "evil" not in page and "tailwind" not in page and "alert" not in page and "in it" not in page
    assert "script-src" not in page


def test_scripts_run_only_where_they_were_switched_on_and_never_from_elsewhere() -> None:
    page = safe_page(PAGE, scripts=True)
    assert "script-src 'unsafe-inline'" in page and "<script>alert(1)</script>" in page
    assert "tailwindcss" not in page and 'onload="steal()"' in page


def test_what_pictures_should_show() -> None:
    assert wanted_pictures(PAGE) == ("A mountain lake", "quiet cow")
    assert wanted_pictures("<img src='https://source.unsplash.com/random/400x300/?tea,cup'><img>") == ("tea cup", "")


@pytest.mark.parametrize(
    "reply", ["```html\n{}\n```", "Here it is:\n{}\nEnjoy!", "{}"], ids=["fenced", "in words", "bare"]
)
def test_the_page_in_a_reply(reply: str) -> None:
    assert extract(reply.format(PAGE)) == PAGE
    assert extract("<h1>no html tag</h1>") == "<h1>no html tag</h1>"
    assert extract("words\n<html><body>cut o") == "<html><body>cut o"


@given(
    st.lists(
        st.sampled_from(
            [
                *re.findall(r"<[^>]*>|[^<]+", PAGE),
                "<",
                ">",
                '"',
                "'",
                "<!--",
                "-->",
                "<svg/onload=x>",
                "<a xlink:href='j'>",
                "<svg>",
                "<math>",
                "<style>",
                "<title>",
                "<textarea>",
                "<xmp>",
                "<plaintext>",
                "<template shadowrootmode=open>",
                "<animate attributeName=href to=//evil.example>",
                "<![CDATA[",
                "\0",
            ]
        ),
        max_size=30,
    )
)
def test_no_order_of_pieces_gets_through(pieces: list[str]) -> None:
    assert_harmless(safe_page("".join(pieces), ["data:image/png;base64,AA=="]))


@pytest.mark.parametrize("around", ["svg", "math", "title", "textarea", "xmp", "noembed", "template", "svg><desc", "p"])
@pytest.mark.parametrize("inside", ["style", "title", "xmp", "script", "textarea", "noframes", "plaintext"])
def test_what_is_text_to_one_reader_is_no_tag_to_another(around: str, inside: str) -> None:
    """In `<svg><style>` a browser reads tags, where other readers see a style sheet."""
    refresh = '<meta http-equiv="refresh" content="0; url=https://evil.example"><img src=x onerror=run()>'
    page = safe_page(f"<{around}><{inside}>{refresh}</{inside}></{around}><p>after</p>")
    for tag in re.findall(r"<(?:meta|img)[^>]*", page)[2:]:
        assert tag == "<img"
    assert "evil.example" not in page or "&lt;meta" in page or r"\3c meta" in page


def test_a_style_sheet_keeps_its_signs_and_a_page_its_own_pictures() -> None:
    own = "data:image/png;base64,AAAA"
    source = f'<style>@media (width <= 3px) {{ a > b::after {{ content: "<i"; }} }}</style><img src="{own}">'
    source += "</body></html> behind the end <img src=a alt=b>"
    page = safe_page(source, ["data:image/png;base64,BBBB"])
    assert r'@media (width <= 3px) { a > b::after { content: "\3c i"; } }' in page
    assert f'<img src="{own}"> behind the end <img src="data:image/png;base64,BBBB" alt="b">' in page
    assert wanted_pictures(source) == ("b",)


@pytest.mark.parametrize("void", ["base", "link", "embed", "param", "source", "track", "frame"])
def test_what_follows_an_element_without_an_end_stays(void: str) -> None:
    page = safe_page(f"<body><p>before</p><{void} src=https://evil.example href=https://evil.example><p>after</p>")
    assert "<p>before</p>" in page and "<p>after</p>" in page and "evil" not in page and f"<{void}" not in page


def test_the_title_in_one_line() -> None:
    assert title_of("<html><title> Tea \n &amp; cake</title>") == "Tea & cake"
    assert title_of("<p>none") == "" == title_of("")


@pytest.mark.parametrize(
    "piece", "<|<!--|<a |<div>|&|<a b='|</|<script>|<style><|<![CDATA[|<![|<?|<b><p>|<svg |</html |</body".split("|")
)
def test_half_a_megabyte_of_anything_is_read_in_time(piece: str) -> None:
    """Regression: Python's own reader took minutes for some of these, and failed at one."""
    began = time.process_time()
    assert safe_page(piece * (MAX_SOURCE // len(piece))).startswith("<!doctype html>")
    assert time.process_time() - began < 10  # what grows with the square takes minutes
