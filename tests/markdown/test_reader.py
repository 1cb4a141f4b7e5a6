"""The reader of Markdown: each row is a kind of text that some reader of Markdown has swallowed or broken."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from studio.markdown import (
    Block,
    Code,
    Heading,
    List,
    Paragraph,
    Quote,
    Rule,
    Run,
    Table,
    parse,
    parse_inline,
    plain,
    to_html,
    to_text,
)
from studio.markdown.dialect import MAX_DEPTH, MAX_INLINE


def p(*runs: Run | str) -> Paragraph:
    return Paragraph(tuple(Run(run) if isinstance(run, str) else run for run in runs))


WORDS_STAY = [
    "[Note]: bring a coat",
    "[作者]: 王小明",
    "[^1]: 注",
    "[1]: https://example.org/a",
    "see [1] and [the map][1]",
    "Vec<T> and HashMap<String, Vec<u8>>",
    "<b>typed</b> and <script>alert(1)</script>",
    "<!-- a comment -->",
    "[here](/a/place) and [there](javascript:alert(1))",
    "$5 and $6, or $7",
    r"$\unknown{x_i}$ and \(\frac{a\), \[ \begin{none}*a*\end{none} \], \(not a formula\)",
    "US$5和HK$6，5$和6$，约$100 (=¥700) or 100$",
    "$HOME/$USER, $PATH$, $HOME_DIR$, $AAPL and $TSLA",
    "it costs US$5/US$10*",
    "2 * 3 * 4 and snake_case_name",
    "R&D, AT&T, a &lt b",
]


@pytest.mark.parametrize("text", WORDS_STAY)
def test_it_is_shown_as_it_was_typed(text: str) -> None:
    assert parse(text) == (p(text),)
    assert parse_inline(text) == (Run(text),)


@pytest.mark.parametrize(("text", "words"), [("## Programming in C#", "Programming in C#"), ("## F#", "F#")])
def test_a_heading_keeps_its_sharp(text: str, words: str) -> None:
    assert parse(text) == (Heading(2, (Run(words),)),)


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("他说*也许*吧。", (Run("他说"), Run("也许", italic=True), Run("吧。"))),
        ("中文*斜体*文字", (Run("中文"), Run("斜体", italic=True), Run("文字"))),
        ("*这是斜体（带括号）。*这句", (Run("这是斜体（带括号）。", italic=True), Run("这句"))),
        ("他说**“你好”**吧", (Run("他说"), Run("“你好”", bold=True), Run("吧"))),
        ("**要点：**文字", (Run("要点：", bold=True), Run("文字"))),
        ("读《**红楼梦**》了", (Run("读《"), Run("红楼梦", bold=True), Run("》了"))),
        ("これは**「強調」**です", (Run("これは"), Run("「強調」", bold=True), Run("です"))),
        ("**이것(괄호)**은", (Run("이것(괄호)", bold=True), Run("은"))),
        ("划掉~~（旧的）~~吧", (Run("划掉"), Run("（旧的）", struck=True), Run("吧"))),
        ("中文_不是_强调", (Run("中文_不是_强调"),)),
    ],
)
def test_emphasis_beside_letters_without_blanks(text: str, runs: tuple[Run, ...]) -> None:
    assert parse_inline(text) == runs


SAMPLES = st.text("a(“”.，。（）中한 ", max_size=5)


@given(SAMPLES, st.sampled_from(["*", "**", "_", "__"]), SAMPLES, SAMPLES)
def test_no_pair_of_marks_that_commonmark_takes_for_emphasis_is_lost(
    before: str, mark: str, inside: str, after: str
) -> None:
    text = " ".join(f"{before}{mark}{inside}{mark}{after}".split())
    theirs = any(token.type.endswith("_open") for token in MarkdownIt("commonmark").parseInline(text)[0].children or ())
    ours = any(run.bold or run.italic for run in parse_inline(text))
    assert ours or not theirs


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("> a\n>\n> b", (Quote((p("a"), p("b"))),)),
        ("> a\n> - b", (Quote((p("a"), List(((p("b"),),)))),)),
        ("~~~python\nx = 1\n\n y\n~~~\nafter", (Code("x = 1\n\n y"), p("after"))),
        ("```bring a coat\nx\n```", (Code("bring a coat\nx"),)),
        ("1) a\n2) b", (List(((p("a"),), (p("b"),)), start=1),)),
        ("7. a", (List(((p("a"),),), start=7),)),
        ("- a\n  goes on\n\n  and on\n- b", (List(((p("a goes on"), p("and on")), (p("b"),)), tight=False),)),
        ("1. a\n   - b\n2. c", (List(((p("a"), List(((p("b"),),))), (p("c"),)), start=1),)),
        ("-", (List(((),)),)),
        ("a\n\n***\n\nb", (p("a"), Rule(), p("b"))),
        ("Two words\n===", (Heading(1, (Run("Two words"),)),)),
        ("$$\n\\a_1\n= b\n- c\n$$\nafter", (p("$$\n\\a_1\n= b\n- c\n$$"), p("after"))),
        ("one  \ntwo\\\nthree\nfour", (p("one\ntwo\nthree four"),)),
        ("\t\n \u3000\n", ()),
    ],
)
def test_blocks(text: str, blocks: tuple[Block, ...]) -> None:
    assert parse(text) == blocks


def test_a_fence_inside_a_list_swallows_nothing() -> None:
    text = "# T\n\n1. First\n   ```python\n   x = 1\n   ```\n2. Second\n\n## A heading\n\nThe rest."
    listed = List(((p("First"), Code("x = 1")), (p("Second"),)), start=1)
    assert parse(text)[1:] == (listed, Heading(2, (Run("A heading"),)), p("The rest."))


def test_a_table_without_outer_pipes_keeps_the_cells_its_head_has_no_room_for() -> None:
    (table,) = parse("Road | km\n:-- | --:\nYa'an | **220** | far\nKangding")
    assert isinstance(table, Table) and table.alignments == ("left", "right", "")
    assert [list(map(plain, row)) for row in (table.head, *table.rows)] == [
        ["Road", "km", ""],
        ["Ya'an", "220", "far"],
        ["Kangding", "", ""],
    ]
    assert table.rows[0][1] == (Run("220", bold=True),)
    (quoted,) = parse("> a | b\n> -|-\n> 1 | 2 | 3")
    assert "<td>3</td>" in to_html((quoted,))


def test_a_line_of_styles_and_links() -> None:
    assert parse("a **b *c*** `d  e` [f **g**](https://e.org/?a=1&b) ![h](http://e.org/i.png) <https://j.org>") == (
        p(
            "a ",
            Run("b ", bold=True),
            Run("c", bold=True, italic=True),
            " ",
            Run("d  e", code=True),
            " ",
            Run("f ", link="https://e.org/?a=1&b"),
            Run("g", bold=True, link="https://e.org/?a=1&b"),
            " h ",
            Run("https://j.org", link="https://j.org"),
        ),
    )


@pytest.mark.parametrize("text", ["[](https://e.org/a)", "![](https://e.org/a)", "**[](https://e.org/a)**"])
def test_what_has_no_words_shows_its_address(text: str) -> None:
    assert plain(parse_inline(text)) == "https://e.org/a"


def test_brackets_that_are_no_formula_lose_their_backslashes() -> None:
    assert parse(r"\[1\] a \*star\*") == (p("[1] a *star*"),)


def test_a_title_is_one_line() -> None:
    assert parse_inline("*Tea*\n road") == (Run("Tea", italic=True), Run(" road"))
    assert parse_inline("1. January") == (Run("1. January"),)


def depth(blocks: tuple[Block, ...]) -> int:
    inside = [
        depth(inner)
        for b in blocks
        for inner in ((b.blocks,) if isinstance(b, Quote) else b.items if isinstance(b, List) else ())
    ]
    return 1 + max(inside, default=0)


@pytest.mark.parametrize("mark", [">", "> ", "- ", "1. ", "> - "])
def test_nesting_ends_somewhere_and_the_rest_is_words(mark: str) -> None:
    blocks = parse(mark * 1500 + "end")
    assert depth(blocks) <= MAX_DEPTH + 1
    assert to_text(blocks).endswith("end")
    assert to_html(blocks).count(">") < 100 + 2 * 1500 * 4


ENDLESS = """[ ` ( ![ | > <https:// \\ - ~ $ $$ \\( &# ``` ~~~ *a_ [a]( **a _a* <b> ~~a a**b <a@ 茶 1. #""".split()
ENDLESS += ["*a_ [b](c ", "> ", "- ", "1. ", "> 1. ", "\t", "a\n", "- a\n", "> a\n", "$$a\n", "\\[\n", "|a\n", "```\n"]
ENDLESS += ["a|b\n-|-\n", "  - a\n", "#\n", "***\n", "a  \n", "`a``b", "![a](http://"]


@pytest.mark.slow
@pytest.mark.parametrize("piece", ENDLESS)
def test_endless_signs_take_bounded_time_and_lose_no_words(piece: str) -> None:
    for length in (MAX_INLINE - 20, 50_000):
        start = time.process_time()
        blocks = parse("start " + (piece * length)[:length] + "\n\nend")
        html = to_html(blocks)
        assert time.process_time() - start < 5
        assert "start" in html[:40] and "end" in html[-60:]


def test_20_000_of_the_worst_mixture_take_bounded_time() -> None:
    start = time.process_time()
    assert to_text(parse("*a_ [b](c " * 20_000)).count("[b](c") == 20_000
    assert time.process_time() - start < 2


def test_a_table_cannot_grow_beyond_what_was_typed() -> None:
    text = "a|b\n-|-\n" + "|" * 20_000 + "\nx" * 15_000
    assert len(to_html(parse(text))) < 40 * len(text)


SOUP = "a b *_`#>|-1.)\n\n[]()<>~&;$\\+=:!茶“。\t\x00\ud800"


@settings(max_examples=300, deadline=None)
@given(st.text(SOUP, max_size=120))
def test_any_text_has_a_reading(text: str) -> None:
    blocks = parse(text)
    to_html(blocks).encode(), to_text(blocks).encode()
    assert all(not isinstance(b, Paragraph) or plain(b.runs).strip() for b in blocks)
