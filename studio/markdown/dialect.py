"""How Markdown is read here: markdown-it's CommonMark with tables and strikethrough, and five changes.

- No word is lost: no link definitions (`[Note]: bring a coat`), no HTML (`Vec<T>`), and a table's row keeps the cells
  that its head has no column for.
- Links lead to http, https and mailto; a link to anywhere else is shown as it was typed.
- Emphasis opens and closes beside Chinese, Japanese and Korean (`emphasis`).
- Formulas are formulas, and shown as they were typed where they cannot be read (`formulas`).
- Nesting and the length of what is searched for inline signs are bounded: beyond that, signs are words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_block import StateBlock, blockquote, list_block, table
from markdown_it.rules_block.table import escapedSplit
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.newline import newline
from markdown_it.token import Token
from markdown_it.utils import EnvType

from studio.markdown.emphasis import EastAsianState
from studio.markdown.formulas import formula_block, formula_inline

MAX_DEPTH = 16  # levels: a quote is one, a list is two (itself and its item)
MAX_INLINE = 20_000  # characters of one paragraph, heading or cell
MAX_CELLS = 0x10000  # of one table, those counted that only fill up its rows: the same limit as markdown-it's
_LINK = re.compile(r"https?://.|mailto:.", re.I)

_BlockRule = Callable[[StateBlock, int, int, bool], bool]


class Reader(MarkdownIt):
    """A configured parser. Its state is the rules alone, so that all threads share one."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False, "maxNesting": 2 * MAX_DEPTH})
        self.inline = _Inline()
        self.enable("table").disable(["reference", "html_block"])
        every = ["paragraph", "reference", "blockquote", "list"]
        rules = self.block.ruler
        rules.at("blockquote", _bounded(blockquote), {"alt": every})
        rules.at("list", _bounded(list_block), {"alt": every[:3]})
        rules.at("table", _table, {"alt": every[:2]})
        rules.before("fence", "formula", formula_block, {"alt": every})
        self.inline.ruler.at("newline", _newline)
        self.inline.ruler.before("escape", "formula", formula_inline)

    def validateLink(self, url: str) -> bool:
        """Whether an address may be followed from a text that nobody has vouched for."""
        return bool(_LINK.match(url))


class _Inline(ParserInline):
    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        if len(src) > MAX_INLINE:
            return _typed(src, tokens)
        state = EastAsianState(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


def _typed(src: str, tokens: list[Token]) -> list[Token]:
    """Lines as they were typed."""
    at = -1
    for line in src.split("\n"):
        if at >= 0:
            tokens.append(Token("softbreak", "br", 0, meta={"at": at}))
        tokens.append(Token("text", "", 0, content=line))
        at += 1 + len(line)
    return tokens


def _bounded(rule: _BlockRule) -> _BlockRule:
    """The rule of a block that holds blocks, down to a depth. markdown-it itself leaves out what lies deeper."""

    def bounded(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        return state.level < MAX_DEPTH and rule(state, start, end, silent)

    return bounded


def _newline(state: StateInline, silent: bool) -> bool:
    """Line breaks know where they stand, for whoever cuts a paragraph into its lines."""
    at, before = state.pos, len(state.tokens)
    found = newline(state, silent)
    for token in state.tokens[before:]:
        token.meta = {"at": at}
    return found


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A table whose rows keep their cells: the specification leaves out those beyond the columns of the head."""
    before = len(state.tokens)
    if not table(state, start, end, silent):
        return False
    if silent:
        return True
    columns = sum(token.type == "th_open" for token in state.tokens[before:])
    lines = [t.map[0] for t in state.tokens[before:] if t.type == "tr_open" and t.map]
    most = max(columns + 1, MAX_CELLS // len(lines))
    rows = iter(lines)
    made: list[Token] = []
    for token in state.tokens[before:]:
        if token.type == "tr_close":
            made += _beyond(_cells(state, next(rows)), columns, most, token.level + 1)
        made.append(token)
    state.tokens[before:] = made
    return True


def _beyond(cells: list[str], columns: int, most: int, level: int) -> Iterator[Token]:
    """The cells of a row that are beyond the columns of its table; those from `most` on joined."""
    for cell in (*cells[columns : most - 1], *([" | ".join(cells[most - 1 :])] if len(cells) >= most else [])):
        yield Token("td_open", "td", 1, level=level, block=True)
        yield Token("inline", "", 0, level=level + 1, content=cell, children=[], block=True)
        yield Token("td_close", "td", -1, level=level, block=True)


def _cells(state: StateBlock, line: int) -> list[str]:
    cells = escapedSplit(state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].strip())
    if cells and not cells[0]:
        del cells[0]
    if cells and not cells[-1]:
        del cells[-1]
    return [cell.strip() for cell in cells]
