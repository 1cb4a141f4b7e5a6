"""Words selected in what is shown are found in the source, and others put there leave everything around as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.markdown import parse, rendered_text, replace_words, source_range, to_html


def found(markdown: str, words: str) -> tuple[str, str, str]:
    shown = rendered_text(markdown)
    at = shown.index(words)
    start, end = source_range(markdown, at, at + len(words))
    return markdown[:start], markdown[start:end], markdown[end:]


@pytest.mark.parametrize(("markdown", "selected", "source"), [
    ("The **snow** turns pink.", "turns", "turns"),
    ("The **snow** turns pink.", "snow", "snow"),  # it stays bold
    ("The **snow** turns pink.", "The snow", "The **snow**"),
    ("The **snow fell** turns pink.", "fell turns", "**snow fell** turns"),  # grown to the whole bold words
    ("The ***snow* fell** all night", "snow", "snow"),
    ("## The `snow` here", "The snow here", "The `snow` here"),
    ("A [link to](http://x.y/a_b) tea &amp; milk", "tea & milk", "tea &amp; milk"),
    ("A [link to](http://x.y/a_b) tea &amp; milk", "to tea", "[link to](http://x.y/a_b) tea"),
    ("他说*也许*吧。今天下雪。", "许吧", "*也许*吧"),
    ("- one two\n- three four", "four", "four"),
    ("- one two\n- three four", "two\nthree", "- one two\n- three four"),
    ("| a b | c |\n|---|---|\n| dd ee | f |", "dd", "dd"),
    ("```\ncode here\n```", "here", "here"),
    ("a \\*star\\* and <b>x</b>", "star", "star"),
    ("🎉 مرحبا 한국어 words 𠮷 more", "words 𠮷", "words 𠮷"),
    ("The sum $\\frac{p}{q}$ grows", "p", "$\\frac{p}{q}$"),  # a formula is one thing
    ("The sum $x^2$ grows fast", "grows", "grows"),
    ("the end the end the end", "end the", "end the"),
])  # fmt: skip
def test_selected_words_are_found(markdown: str, selected: str, source: str) -> None:
    assert found(markdown, selected)[1] == source


def test_new_words_stay_words_among_marks() -> None:
    before, words, after = found("The **snow** turns `pink`.", "snow")
    assert replace_words(before + words + after, len(before), len(before + words), "ice") == "The **ice** turns `pink`."
    broken = replace_words("The **snow** turns.", 6, 10, "a ** b")
    assert broken and to_html(parse(broken)) == "<p>The <strong>a ** b</strong> turns.</p>"


WORDS = st.sampled_from(
    ["snow", "**bold**", "*it*", "`code`", "[a](b)", "~~x~~", "雪", "**你好**", "&amp;", "\\*", "<b>", "$5"]
)


@given(st.lists(WORDS, min_size=1, max_size=8), st.sampled_from([" ", ""]), st.data())
def test_whatever_is_selected_the_rest_is_shown_as_before(words: list[str], between: str, data: st.DataObject) -> None:
    markdown = between.join(words)
    shown = rendered_text(markdown).rstrip("\n")
    start = data.draw(st.integers(0, len(shown)))
    end = data.draw(st.integers(start, len(shown)))
    first, last = source_range(markdown, start, end)
    assert 0 <= first <= last <= len(markdown)
    changed = replace_words(markdown, first, last, "new")
    if changed is not None:
        assert changed == markdown[:first] + "new" + markdown[last:]
        after = rendered_text(changed).rstrip("\n")
        at = after.index("new", 0)
        assert (first, last) == (0, len(markdown)) or (shown.startswith(after[:at]) and shown.endswith(after[at + 3 :]))
        assert len(after[:at]) <= start and len(after[at + 3 :]) <= len(shown) - end
