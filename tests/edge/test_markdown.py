"""Models' answers keep plain Markdown; what people typed stays as they typed it."""

from __future__ import annotations

import markdown_it
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.ui.plain_markdown import plain_markdown

FORM = '<form action="https://evil.example"><input name=a>'
READER = markdown_it.MarkdownIt("gfm-like", {"linkify": False})


def has_html(text: str) -> bool:
    tokens = [t for block in READER.parse(text) for t in (block, *(block.children or ()))]
    return any(t.type in ("html_block", "html_inline", "image") for t in tokens)


@pytest.mark.parametrize(
    "text",
    [
        FORM,
        f"a\n\n{FORM}\n\nb",
        '<a href="/" style="position:fixed;inset:0">x</a>',
        "![x](https://evil.example/x.png)",
        "![x][y]\n\n[y]: https://evil.example/x.png",
        f"`` ` `` {FORM}",
        f"a ` b\n`{FORM}` c",
        f"\\`{FORM}`",
        f"| `a | {FORM}` |\n|---|---|\n| `b | {FORM}` |",
        f"```\ncode\n```\n{FORM}",
        f"~~~\n```\n~~~\n{FORM}",
        f"- `\n- {FORM}`",
        f"``` `\n{FORM}\n```",
        f"    ```\n{FORM}\n    ```",
        f"> ```\n{FORM}\n> ```",
        "<!-- x --><?x?><![CDATA[x]]></div>",
        f"`<a title='`'>{FORM}`",
    ],
)
def test_no_tag_and_no_picture_is_left(text: str) -> None:
    assert has_html(text)
    assert not has_html(plain_markdown(text))


def test_a_title_over_several_lines_opens_no_code() -> None:
    """marked, which Gradio uses, reads a definition's title over the marks of code; markdown-it does not."""
    assert FORM not in plain_markdown(f'[a]: b "\n```\n"\n{FORM}\n```')


@pytest.mark.parametrize(
    "text",
    [
        "1 < 2 and 3 > 2, a <- b, <3",
        "**bold** [link](https://example.com) `code`",
        "```html\n<form>\n```\nthen",
        "Use `<b>` for bold, ``<i> ` `` too.",
        "~~~\n<form>\n~~~",
    ],
)
def test_what_is_no_html_and_code_stay_as_they_are(text: str) -> None:
    assert plain_markdown(text) == text


@given(
    st.lists(
        st.sampled_from(
            [
                "`",
                "``",
                "```",
                "~~~",
                "\n",
                "\n\n",
                " ",
                "    ",
                "\\",
                "|",
                "> ",
                "- ",
                "[a]: b",
                '"',
                "!",
                "[a](b)",
                "<b>",
                "<!--",
                "-->",
                "a",
                "<a b='",
                "'>",
                "\r\n",
                "\t",
                "|-|\n",
            ]
        ),
        max_size=24,
    ).map("".join)
)
def test_whatever_the_marks_no_tag_is_left(text: str) -> None:
    assert not has_html(plain_markdown(text)), repr(plain_markdown(text))
