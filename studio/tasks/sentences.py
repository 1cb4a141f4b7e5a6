"""Where sentences end, so that a text that reaches its limit stops at the end of one.

Only the last sentence that surely ended matters: a full stop that may belong to an abbreviation, an initial or a number
counts as none, which costs a sentence and never leaves half of one. The blocks of the one reader of Markdown say where
there are none to look for: a list ends with an item, a table with a row, code with a line, and no text with a heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from studio.markdown import clean
from studio.markdown.sections import Span, spans

_CLOSER = r"(?:[”’」』）)\"'】》〉»›*`\]]|\[\^?\d+\])"
_STOP = re.compile(
    rf"(?P<wide>(?:[。！？｡．…।॥؟۔։።፧។៕။།]|\.\.\.)+{_CLOSER}*)(?!{_CLOSER})"  # whatever follows
    rf"|(?P<narrow>[.!?]+{_CLOSER}*)(?=\s|$)"  # not in 3.5 or in a name of the web
    r"|(?<=[\u0e00-\u0eff]) (?=[\u0e00-\u0eff])"  # Thai and Lao write a blank there, and no full stop
)
_WORD = re.compile(r"[^\s(\[“\"'‘]*$")
_NEVER = frozenset(  # what a name, a number or an example follows
    "mr mrs ms mx dr prof st sr jr messrs mme mlle rev hon gov sen rep gen col maj capt lt sgt pres mt ft vs cf viz ca"
    " approx eg ie e.g i.e z.b d.h bzw usw u.a bspw evtl ggf nr str al no nos vol vols fig figs pp p ch sec art ed eds"
    " jan feb mar apr jun jul aug sep sept oct nov dec dept est inc ltd co corp bros".split()
)
_MARKS = ("**", '"', "`")  # that look the same at both ends
_LEADS_ON = re.compile(r"[:：,，、;；—–-]\W*$")
_BOLD = re.compile(r"\*\*[^*\n]+\*\*[:：]?")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


def last_sentence_end(text: str, begin: int = 0) -> int:
    """The index after the last sentence that ended behind `begin` in a text that grows; `begin` where none did."""
    return max((end for end in _ends(text, grows=True) if end > begin), default=begin)


def is_whole(text: str) -> bool:
    """Whether a text ends where a sentence does."""
    text = clean(text).rstrip()
    return len(text) in _ends(text, grows=False)


def drop_broken_sentence(text: str, begin: int = 0) -> str:
    """A text without what broke off at its end. What stands before `begin` stays, and a text in which nothing ends.
    Code and bold words that were left open are closed."""
    text = (text[:begin] + clean(text[begin:])).rstrip()
    end = max((end for end in _ends(text, grows=False) if end > begin), default=begin)
    if end == begin:  # better a heading alone than half a sentence below it
        headings = (
            span.end for span in spans(text) if span.kind == "heading" and not text.startswith("# ", span.start)
        )
        end = max((end for end in headings if begin < end < len(text)), default=begin)
    return _close(text[:end] if text[begin:end].strip() else text)


def _ends(text: str, grows: bool) -> Iterator[int]:
    """Where the text could end. As long as it `grows`, nothing that is still open does."""
    for span in spans(text):
        source = text[span.start : span.end]
        match span.kind:
            case "heading" | "hr":
                continue
            case "fence":
                found = _ends_of_fence(source, grows)
            case "table":
                found = _ends_of_table(source)
            case "code_block" | "formula_block":
                found = iter((len(source),))
            case _:
                found = _ends_of_lines(source, span, text)
        yield from (span.start + end for end in found)


def _ends_of_lines(source: str, span: Span, text: str) -> Iterator[int]:
    """Of a paragraph, list or quote: its sentences; in a list, and where no sentence ends, its lines that another one
    follows."""
    if source.startswith(("|", "$$", "\\[")) or _BOLD.fullmatch(source):  # half a table or formula; a heading
        return
    at, sentences, lines = 0, list[int](), list[int]()
    for line in source.split("\n"):
        sentences += (at + end for end in _ends_in_line(line))
        at += len(line)
        if span.start + at < len(text) and line.strip(" >*+-") and not _LEADS_ON.search(line):
            lines.append(at)
        at += 1
    yield from sentences
    if span.kind == "list" or not sentences:
        yield from lines


def _ends_in_line(line: str) -> Iterator[int]:
    for found in _STOP.finditer(line):
        if found["narrow"] and not _ends_sentence(line, found):
            continue
        end = found.end() if found.lastgroup else found.start()
        for mark in _MARKS:  # one that opens what comes next
            if line[:end].endswith(mark) and line[:end].count(mark) % 2:
                end -= len(mark)
        yield end


def _ends_sentence(line: str, found: re.Match[str]) -> bool:
    """Whether a full stop that a blank follows ends a sentence."""
    after = line[found.end() :].lstrip()
    if after[:1].islower():
        return False
    if not found["narrow"].startswith(".") or found["narrow"].startswith(".."):
        return True
    word = _WORD.search(line[: found.start()])
    last = word[0].strip("*_`") if word else ""
    if last.isdigit():  # "1." begins an item; "costs 3." may be half of a number
        return bool(line[: found.start() - len(last)].strip(" >")) and (bool(after) or len(last) > 3)
    return len(last) > 1 and last.lower() not in _NEVER and not re.search(r"(^|\.)[^\W\d_]$", last)


def _ends_of_fence(source: str, grows: bool) -> Iterator[int]:
    """Of code: its end, and in one that broke off every whole line."""
    lines = source.split("\n")
    if _is_closed(lines):
        yield len(source)
    elif not grows:
        at = len(lines[0])
        for line in lines[1:-1]:
            at += 1 + len(line)
            if line.strip():
                yield at


def _ends_of_table(source: str) -> Iterator[int]:
    """Of a table: the ends of its rows that have all cells."""
    lines = source.split("\n")
    cells, at = lines[0].count("|"), len(lines[0]) + 1 + len(lines[1])
    outer = lines[0].rstrip().endswith("|")
    for number, line in enumerate(lines[2:], 3):
        at += 1 + len(line)
        if line.count("|") >= cells and (outer or number < len(lines)):
            yield at


def _is_closed(lines: list[str]) -> bool:
    fence = _FENCE.match(lines[0])
    return bool(fence and len(lines) > 1 and re.fullmatch(rf" {{0,3}}{fence[1]}{fence[1][0]}*\s*", lines[-1]))


def _close(text: str) -> str:
    """With an end for the code and the bold words that are open."""
    last = spans(text)[-1:]
    if not last:
        return text
    source = text[last[0].start :]
    if last[0].kind == "fence":
        lines = source.split("\n")
        fence = _FENCE.match(lines[0])
        return text if _is_closed(lines) or not fence else f"{text}\n{fence[1]}"
    is_prose = last[0].kind in ("paragraph", "list", "blockquote")
    line = source.rpartition("\n")[2]
    return f"{text}**" if is_prose and line.count("**") % 2 else text
