r"""Formulas are kept as they were typed: `$x$`, `$$x$$`, `\(x\)` and `\[x\]`, long ones over several lines too.

Markdown would take their backslashes away and read `_` and `*` in them as emphasis. A `$` of a price stays one, as in
Pandoc: the first needs a letter close behind it, the second one close before it and no digit after it.
"""

from __future__ import annotations

import re

from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

MAX_LENGTH = 2000  # characters
_LINES = 50
_CLOSES = {"$$": "$$", "$": "$", "\\(": "\\)", "\\[": "\\]"}
_LOOKS_LIKE_ONE = re.compile(r"[\\^_={}+]|^\s")  # else `\[` and `\]` are brackets that shall not be a link's


def formula_inline(state: StateInline, silent: bool) -> bool:
    """A formula inside a line."""
    src, pos = state.src, state.pos
    opens = src[pos] if src[pos] == "$" and src[pos + 1 : pos + 2] != "$" else src[pos : pos + 2]
    closes = _CLOSES.get(opens)
    if closes is None:
        return False
    start = pos + len(opens)
    end = src.find(closes, start, min(start + MAX_LENGTH, state.posMax))
    if end < 0 or not _is_formula(opens, src[start:end], src[end + 1 : end + 2]):
        return False
    state.pos = end + len(closes)
    if not silent:
        state.push("formula_inline", "", 0).content = " ".join(src[pos : state.pos].split("\n"))
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
    if closes in content[2:-2] or not _is_formula(opens, content[2:-2], ""):
        return False
    if not silent:
        token = state.push("formula_block", "", 0)
        token.content, token.map = content, [start, line + 1]
        state.line = line + 1
    return True


def _is_formula(opens: str, inside: str, after: str) -> bool:
    if not inside.strip():
        return False
    if opens == "$":
        return not (inside[0].isspace() or inside[-1].isspace() or after.isdigit())
    return opens != "\\[" or bool(_LOOKS_LIKE_ONE.search(inside))
