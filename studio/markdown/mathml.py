r"""LaTeX formulas as trees of MathML Core, from which the page and HTML, Word and PDF make what they show.

math-core reads LaTeX strictly: a command that it does not know is an error, so that nothing is shown half. What comes
out of it is checked again here: only elements and attributes of the tables below are kept.
Source: https://www.w3.org/TR/mathml-core/ and https://pypi.org/project/math-core/
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from html import escape, unescape
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from math_core import LatexToMathML

MAX_DEPTH = 32  # elements inside each other: Word and the PDF's typesetter are recursive
MAX_GROWING = 6  # roots, accents, brackets, tables inside each other: the time to typeset them doubles with each
MAX_SIZE = 50_000  # characters of MathML

_ELEMENTS = frozenset(
    (
        *("math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup"),
        *("munder", "mover", "munderover", "mtable", "mtr", "mtd", "mstyle", "mpadded", "mphantom", "menclose"),
    )
)
_LENGTH = r"-?[\d.]+(em|rem|ex|pt|px|%)?"
_STYLE = rf"((text-align|justify-items): ?\w+;? ?|(padding-\w+|width): ?{_LENGTH};? ?|color: ?#\w+;? ?)*"
_ATTRIBUTES = {
    **dict.fromkeys(
        ("displaystyle", "stretchy", "fence", "accent", "accentunder", "symmetric"), re.compile("true|false")
    ),
    **dict.fromkeys(("lspace", "rspace", "minsize", "maxsize", "width", "height", "depth"), re.compile(_LENGTH)),
    **dict.fromkeys(("voffset", "linethickness"), re.compile(_LENGTH)),
    "scriptlevel": re.compile(r"[+-]?\d"),
    "form": re.compile("prefix|infix|postfix"),
    "mathvariant": re.compile("normal"),
    "notation": re.compile("[a-z ]+"),
    "display": re.compile("block"),
    "style": re.compile(_STYLE),
}
_ENTITY = re.compile(r"&(?!lt;|gt;|amp;|quot;)\w+;")

_INVISIBLE = dict.fromkeys((*range(0x2061, 0x2065), 0xFE00, 0xFE01))
_BARS = frozenset("\u0332\u0305¯‾_")
_GROWING = frozenset(("msqrt", "mroot", "mover", "munder", "munderover", "menclose", "mtable"))
_LARGE = frozenset("∑∏∐∫∬∭∮∯∰⋀⋁⋂⋃⨀⨁⨂⨄⨆")
_ACCENTS = frozenset("ˆ^˜~˙¨´`ˇ˘⃗→")
_FENCES = frozenset(("", *"()[]{}|‖⟨⟩⌊⌋⌈⌉⟦⟧⎰⎱/\\↑↓↕"))

# What people write and the reader has no word for: an equation's number stands beside it.
_MACROS = {"tag": r"\qquad\text{(#1)}", "substack": r"\begin{matrix}#1\end{matrix}"}
# Environments that would number their lines or fill the width of the page, by those that do neither.
_ENVIRONMENTS = {
    "gather": "gathered",
    **dict.fromkeys(("align", "alignat", "eqnarray", "split", "multline"), "aligned"),
}
_ENVIRONMENT = re.compile(r"\\(begin|end)\{(equation|align|alignat|gather|eqnarray|split|multline)\*?\}")
_LABEL = re.compile(r"\\label\{[^{}]*\}")
_COMMENT = re.compile(r"(?<!\\)%")  # nobody writes comments here, but per cent
_HIDES = re.compile(r"\\(eq)?ref\b|\\\w*(command|def|let)\b")  # takes words away: those stay as they were typed
# Alternatives from the left: what keeps its words, a command, a word, Chinese.
_WORDS = re.compile(
    r"(?P<kept>\\(?:begin|end)\{\w+\*?\}(?:\{[^{}]*\})?|\\(?:text\w*|math\w+|mbox|operatorname\*?|tag|color|textcolor|[hv]space\*?)\s*\{[^{}]*\}"
    r"|\\(?:[A-Za-z]+|.))|(?P<word>[A-Za-z][A-Za-z0-9]{3,})|(?P<text>[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]+)",
    re.DOTALL,
)


@dataclass(frozen=True)
class MathElement:
    """An element of MathML. Words stand in the leaves only."""

    name: str
    text: str = ""
    children: tuple[MathElement, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """An attribute, empty where it has none of that name."""
        return dict(self.attributes).get(name, "")

    @property
    def is_display(self) -> bool:
        """Whether a formula stands on a line of its own."""
        return self.get("display") == "block"

    @property
    def visible_text(self) -> str:
        """A leaf's text without signs that show nothing, such as that of a function's application."""
        return self.text.translate(_INVISIBLE)

    @property
    def is_large(self) -> bool:
        """Whether it is a sum, an integral or another operator that is larger on a line of its own."""
        return self.name == "mo" and self.visible_text in _LARGE

    @property
    def is_bar(self) -> bool:
        """Whether it is a line when it stands over or under something."""
        return self.name == "mo" and self.visible_text in _BARS

    @property
    def is_accent(self) -> bool:
        """Whether it is one when it stands over something."""
        sign = self.visible_text
        return self.name == "mo" and len(sign) == 1 and (sign in _ACCENTS or bool(unicodedata.combining(sign)))

    @property
    def fences(self) -> tuple[str, str] | None:
        """The brackets at the ends of a row that grow with what is between them; one of them may be empty."""
        ends = [child for child in (*self.children[:1], *self.children[-1:]) if len(self.children) > 1]
        if len(ends) < 2 or any(e.name != "mo" or e.get("stretchy") == "false" or e.get("minsize") for e in ends):
            return None
        first, last = (end.visible_text for end in ends)
        return (first, last) if {first, last} <= _FENCES and (first or last) else None

    @property
    def growing(self) -> int:
        """How many elements that fit themselves to what is in them lie inside each other."""
        grows = self.name in _GROWING or bool(self.fences)
        return grows + max((child.growing for child in self.children), default=0)

    @property
    def alignment(self) -> str:
        """Where a cell's words stand: left, right, or empty for the middle."""
        found = re.match(r"text-align: (left|right)", self.get("style"))
        return found[1] if found else ""


@lru_cache(maxsize=4096)
def read_latex(latex: str, display: bool) -> MathElement | None:
    """The formula, `display` on a line of its own; None for what is no LaTeX that can be shown whole."""
    from math_core import LatexError

    if _HIDES.search(latex):
        return None
    try:
        mathml = _reader().convert_with_local_state(_prepare(latex), displaystyle=display)
        if len(mathml) > MAX_SIZE:
            return None
        return _within_limits(
            _checked(ElementTree.fromstring(_ENTITY.sub(lambda found: unescape(found[0]), mathml)), 0)
        )
    except (LatexError, ElementTree.ParseError, _Unknown):
        return None


def to_mathml(formula: MathElement, typed: str) -> str:
    """The formula as an element of HTML; screen readers and who copies it get what was `typed`."""
    return _markup(formula, f' alttext="{escape(typed)}"')


class _Unknown(Exception):
    """An element that is not in the table."""


@cache
def _reader() -> LatexToMathML:
    from math_core import LatexToMathML

    return LatexToMathML(macros=_MACROS, fancy_error=False, max_expansions=16)


def _prepare(latex: str) -> str:
    """Words of four letters and more stand upright, as words do, and Chinese needs no `\\text`."""
    latex = _ENVIRONMENT.sub(_environment, _LABEL.sub("", _COMMENT.sub(r"\\%", latex)))
    return _WORDS.sub(_as_words, latex)


def _environment(found: re.Match[str]) -> str:
    name = _ENVIRONMENTS.get(found[2])
    return rf"\{found[1]}{{{name}}}" if name else ""


def _as_words(found: re.Match[str]) -> str:
    if found["kept"]:
        return found[0]
    return rf"\mathrm{{{found[0]}}}" if found["word"] else rf"\text{{{found[0]}}}"


def _checked(element: ElementTree.Element, depth: int) -> MathElement:
    if element.tag not in _ELEMENTS or depth > MAX_DEPTH:
        raise _Unknown(element.tag)
    leaf = element.tag in ("mi", "mn", "mo", "mtext")
    return MathElement(
        element.tag,
        "".join(element.itertext()) if leaf else "",
        () if leaf else tuple(_checked(child, depth + 1) for child in element if child.get("class") is None),
        tuple((k, v) for k, v in element.items() if k in _ATTRIBUTES and _ATTRIBUTES[k].fullmatch(v)),
    )


def _within_limits(formula: MathElement) -> MathElement | None:
    return formula if formula.growing <= MAX_GROWING else None


def _markup(element: MathElement, more: str = "") -> str:
    attributes = "".join(f' {name}="{escape(value)}"' for name, value in element.attributes)
    inside = escape(element.text, quote=False) + "".join(map(_markup, element.children))
    return f"<{element.name}{attributes}{more}>{inside}</{element.name}>"
