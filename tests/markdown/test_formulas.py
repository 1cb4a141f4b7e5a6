"""Formulas: what is one, what is none, and that none of them takes words, time or memory."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.markdown import parse, parse_inline, plain, to_html
from studio.markdown.mathml import MAX_DEPTH, MathElement, read_latex


def formulas(text: str) -> list[str]:
    """What was typed for each formula of a line."""
    return [run.text for run in parse_inline(text) if run.formula]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"\(x_i^2\) and \[ \frac{a}{b} \]", [r"\(x_i^2\)", r"\[ \frac{a}{b} \]"]),
        ("$x_i y_i$，$$E=mc^2$$", ["$x_i y_i$", "$$E=mc^2$$"]),
        ("其中$n$为项数，$f(x)$是函数", ["$n$", "$f(x)$"]),
        (r"a 3$\times$3 kernel, the $n$th, $\alpha$-helix", [r"$\times$", "$n$", r"$\alpha$"]),
        (
            r"$\frac{distance}{time}$ $v_{initial}$ $Area=\pi r^2$",
            [r"$\frac{distance}{time}$", "$v_{initial}$", r"$Area=\pi r^2$"],
        ),
        (r"$速度=\frac{路程}{时间}$", [r"$速度=\frac{路程}{时间}$"]),
        ("$5 and $6, US$5/US$10, A$5–$6, $5-$6, $20k to $30k", []),
        ("花了$5和$6；5$和6$；$5=人民币36元，6$", []),
        ("costs $5 (was $10), $3.50/mo vs $4.20/mo, $100 (=¥700) or 100$", []),
        (r"\$5 and \$6", []),
        ("`$x$` and $ x $", []),
    ],
)
def test_what_is_a_formula(text: str, found: list[str]) -> None:
    assert formulas(text) == found
    assert plain(parse_inline(text)) == text.replace("\\$", "$").replace("`", "")


def test_a_formula_on_lines_of_its_own() -> None:
    (block,) = parse("$$\n\\begin{align}\na &= b \\\\\nc &= d \\tag{1}\n\\end{align}\n$$")
    made = to_html((block,))
    assert made.startswith('<p><math display="block" alttext="$$\n\\begin{align}')
    assert made.count("<mtr>") == 2 and "<mtext>(1)</mtext>" in made


SHOWN = re.compile(r"\\[A-Za-z]+|\W")


@pytest.mark.parametrize(
    "latex",
    [
        r"50% of x^2",
        r"Area = \pi r^2",
        r"\text{速度 v}=\frac{路程}{时间}",
        r"\begin{cases}a&b\\ c&\mathrm{word}\end{cases}",
        r"\textbf{two words}^2",
    ],
)
def test_a_formula_keeps_its_words(latex: str) -> None:
    def words(element: MathElement) -> str:
        return element.text + "".join(map(words, element.children))

    formula = read_latex(latex, False)
    assert formula is not None
    bare = SHOWN.sub("", re.sub(r"\\(begin|end)\{\w+\}", "", latex))
    assert SHOWN.sub("", words(formula).replace("π", "")) == bare


@pytest.mark.parametrize(
    "latex",
    [
        r"\href{javascript:alert(1)}{x}",
        r"\eqref{x}",
        r"\newcommand{\a}{word}\a",
        r"\def\a{\a\a}\a",
        r"\ce{H2O}",
        r"\frac{a}",
        "x_a_b",
        "{",
        r"\sqrt{" * (MAX_DEPTH + 1) + "x" + "}" * (MAX_DEPTH + 1),
    ],
)
def test_what_cannot_be_read_whole_is_no_formula(latex: str) -> None:
    assert read_latex(latex, True) is None


ALLOWED = set("p math mrow mi mn mo mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover".split())
ALLOWED |= set("mtable mtr mtd mstyle mpadded mphantom menclose".split())
PIECES = [
    "\\frac",
    "{",
    "}",
    "^",
    "_",
    "x",
    "&",
    "\\\\",
    "\\left(",
    "\\right)",
    "\\begin{matrix}",
    "\\end{matrix}",
    "\\sqrt",
]
PIECES += [
    "[",
    "]",
    "\\text{",
    "\\sum",
    "\\hat",
    " ",
    "\\newcommand",
    "\\a",
    "#1",
    "12",
    "\\color",
    "red",
    "=",
    "茶",
    "'",
    "\\not",
]
PIECES += [
    "\\tag",
    "\\substack",
    "word",
    "%",
    "~",
    "\\middle|",
    "\\cancel",
    "\\boxed",
    "\\mathrm{",
    "<script>",
    '" onclick="',
    "&lt;",
    "\\big(",
]


class Tags(HTMLParser):
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("href", "id", "class", "src")]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_formula_is_safe(latex: str) -> None:
    page = Tags()
    page.feed(to_html(parse(f"$${latex}$$")))
    page.close()


@pytest.mark.parametrize(
    "piece",
    ["{", "\\frac{", "x^{", "\\left(", "$", "$x$ ", "$$x", "\\(", "\\(x\\)", "\\[", "\\begin{matrix}", "\\sqrt"],
)
def test_endless_formulas_take_no_time(piece: str) -> None:
    start = time.process_time()
    to_html(parse("start " + piece * (19_000 // len(piece)) + " end"))
    to_html(parse("$$" + piece * (1_900 // len(piece)) + "$$"))
    assert time.process_time() - start < 5
