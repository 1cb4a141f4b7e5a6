r"""Where a text has formulas: `$x$`, `$$x$$`, `\(x\)` and `\[x\]`, long ones over several lines too.

Markdown would take their backslashes away and read `_` and `*` in them as emphasis. A token's `content` is what was
typed, its `meta["formula"]` the formula; without one it stays as it was typed. A `$` of a price stays one: the first
stands before a letter close to it and behind no other, as in Pandoc, and what is between looks like a formula and not
like words.
"""

from __future__ import annotations

import re

from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

from studio.markdown.mathml import MathElement, read_latex

MAX_LENGTH = 2000  # characters
_LINES = 50
_CLOSES = {"$$": "$$", "$": "$", "\\(": "\\)", "\\[": "\\]"}
_BRACKETS = re.compile(r"[\\^_={}+]|^\s")  # else `\[` and `\]` are brackets that shall not be a link's
_COMMAND = re.compile(r"\\[A-Za-z]{2}|\\[,;!{}|%]")
_SIGN = re.compile(r"\^|_\{|(?<![=<>!~])=(?![=<>])")
# What nobody writes in a formula without any of these signs: words, and letters of languages without capitals.
_WORDS = re.compile(
    r"[A-Za-z]\w{3,}|\s[A-Za-z]{2,}|[A-Za-z]{2,}\s|[\u3000-\u303f\uff00-\uffef]|[^\W\d_a-zA-ZͰ-Ͽ℀-⅏𝐀-𝟿]"
)
_PRICE = re.compile(r"\d.*?(\s[A-Za-z]{2,}\s|[\u2e80-\u9fff\uac00-\ud7af\uff00-\uffef])", re.DOTALL)
_BEFORE, _AFTER = re.compile(r"[A-Za-z0-9_$]"), re.compile(r"[0-9_$]")  # a dollar beside these is no mark of a formula
_SHORT = 2  # characters that a letter may follow: the `$n$th`


def formula_inline(state: StateInline, silent: bool) -> bool:
    """A formula inside a line."""
    src, pos = state.src, state.pos
    opens = src[pos] if src[pos] == "$" and src[pos + 1 : pos + 2] != "$" else src[pos : pos + 2]
    closes = _CLOSES.get(opens)
    if closes is None:
        return False
    start = pos + len(opens)
    end = src.find(closes, start, min(start + MAX_LENGTH, state.posMax))
    while closes == "$" and end > start and src[end - 1] == "\\":
        end = src.find(closes, end + 1, min(start + MAX_LENGTH, state.posMax))
    if end < 0 or not _is_delimited(opens, src[start:end], src[pos - 1 : pos] if pos else "", src[end + 1 : end + 2]):
        return False
    state.pos = end + len(closes)
    if not silent:
        token = state.push("formula", "", 0)
        token.content = " ".join(src[pos : state.pos].split("\n"))
        token.meta = {"formula": _formula(src[start:end], opens in ("$$", "\\["))}
    return True


def formula_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    r"""Lines from one that begins with `$$` or `\[` to one that ends with its counterpart, no blank one between."""
    if state.is_code_block(start):
        return False
    opens = state.src[state.bMarks[start] + state.tShift[start] :][:2] if start < end else ""
    closes = _CLOSES.get(opens) if len(opens) == 2 and opens != "\\(" else None
    if closes is None:
        return False
    for line in range(start, min(end, start + _LINES)):
        if state.isEmpty(line) or state.sCount[line] < state.blkIndent:
            return False
        begin = state.bMarks[line] + state.tShift[line] + (2 if line == start else 0)
        if state.src[begin : state.eMarks[line]].rstrip().endswith(closes):
            break
    else:
        return False
    content = state.getLines(start, line + 1, state.blkIndent, False).strip()
    if closes in content[2:-2] or not _is_delimited(opens, content[2:-2], "", ""):
        return False
    if not silent:
        token = state.push("formula_block", "", 0)
        token.content, token.map = content, [start, line + 1]
        token.meta = {"formula": _formula(content[2:-2], True)}
        state.line = line + 1
    return True


def _is_delimited(opens: str, inside: str, before: str, after: str) -> bool:
    """Whether marks around these words keep Markdown away from them."""
    if not inside.strip():
        return False
    if opens == "$":
        if inside[0].isspace() or inside[-1].isspace():
            return False
        follows = _AFTER if len(inside) <= _SHORT else _BEFORE
        price = _BEFORE.match(before) or follows.match(after) or _PRICE.match(inside)
        return not price or bool(_COMMAND.search(inside))
    return opens != "\\[" or bool(_BRACKETS.search(inside))


def _formula(inside: str, display: bool) -> MathElement | None:
    """What can be shown as a formula."""
    if len(inside) > MAX_LENGTH or (not (_COMMAND.search(inside) or _SIGN.search(inside)) and _WORDS.search(inside)):
        return None
    return read_latex(inside.strip(), display)
